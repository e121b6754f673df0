// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMeetingAuction} from "../src/IMeetingAuction.sol";

/// @title The whole state of an auction contract in one call
/// @notice Lets a test look at everything after every single step without hundreds of requests.
contract Inspector {
    struct Snapshot {
        uint256 balanceWei;
        uint256[] credits;
        IMeetingAuction.AuctionView[] auctions;
        address[] passOwners;
        uint256[] passBalances;
    }

    function inspect(IMeetingAuction auction, address[] calldata accounts) external view returns (Snapshot memory s) {
        s.balanceWei = address(auction).balance;
        s.credits = new uint256[](accounts.length);
        s.passBalances = new uint256[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            s.credits[i] = auction.credits(accounts[i]);
            s.passBalances[i] = auction.pass().balanceOf(accounts[i]);
        }
        uint256 count = auction.auctionCount();
        s.auctions = new IMeetingAuction.AuctionView[](count);
        s.passOwners = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            s.auctions[i] = auction.auctionState(i + 1);
            try auction.pass().ownerOf(i + 1) returns (address owner) {
                s.passOwners[i] = owner;
            } catch {}
        }
    }
}
