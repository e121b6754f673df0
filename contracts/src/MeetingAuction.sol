// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {AuctionBook} from "./AuctionBook.sol";
import {Bidding} from "./Bidding.sol";
import {Settlement} from "./Settlement.sol";

/// @title Auctions of people's time
/// @notice The deployed contract: roles, pause and fee on top of `Bidding` and `Settlement`. What it does is described
/// in `IMeetingAuction`.
/// @dev No role can touch escrow or credits other than by the outcomes of `settleMeetings`, and none can stop an end, a
/// withdrawal or a release. There is no receive function: ether enters only as a bid.
contract MeetingAuction is Bidding, Settlement {
    /// @notice May stop creation and bidding, and nothing else.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @notice The most the fee can ever be: 10 %.
    uint16 public constant MAX_FEE_BPS = 1_000;

    /// @notice How long a change of admin can be seen coming, and cancelled, before it can be accepted.
    uint48 public constant ADMIN_TRANSFER_DELAY_S = 1 days;

    /// @param initial the rules; all but the fee are fixed for ever
    /// @param admin first admin and first pauser; grants the operators
    constructor(Config memory initial, address admin)
        AuctionBook(initial)
        AccessControlDefaultAdminRules(ADMIN_TRANSFER_DELAY_S, admin)
    {
        _grantRole(PAUSER_ROLE, admin);
        _setFee(initial.feeBps, initial.feeRecipient);
    }

    /// @notice Stops creation and bidding. Ends, mints, settlements, releases and withdrawals go on: a pause must never
    /// hold anyone's money, and an auction that runs out while paused ends with the bids it has.
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @notice Lets creation and bidding go on.
    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @notice Changes the fee of auctions created from now on, and who is credited fees from now on. Auctions that
    /// exist keep the fee their host agreed to.
    function setFee(uint16 feeBps, address feeRecipient) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setFee(feeBps, feeRecipient);
    }

    function _setFee(uint16 feeBps, address feeRecipient) private {
        if (feeBps > MAX_FEE_BPS || feeRecipient == address(0)) revert InvalidConfig();
        _fee = Fee({bps: feeBps, recipient: feeRecipient});
        emit FeeChanged(feeBps, feeRecipient);
    }
}
