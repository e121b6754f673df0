// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMeetingAuction} from "../src/IMeetingAuction.sol";

/// @title Contracts that bid, well and badly behaved
/// @notice They bid through `bid` and can be made to call anything through `execute`. None implements ERC721Receiver.
contract Actor {
    function bid(IMeetingAuction auction, uint256 auctionId) external payable {
        auction.bid{value: msg.value}(auctionId);
    }

    function execute(address target, bytes calldata data) external payable {
        (bool ok, bytes memory result) = target.call{value: msg.value}(data);
        if (ok) return;
        assembly {
            revert(add(result, 0x20), mload(result))
        }
    }
}

/// @notice Takes its money like any wallet.
contract PlainActor is Actor {
    receive() external payable {}
}

/// @notice Refuses all money.
contract RevertingActor is Actor {
    receive() external payable {
        revert("no thanks");
    }
}

/// @notice Burns whatever gas it is given.
contract GasBurningActor is Actor {
    receive() external payable {
        for (;;) {}
    }
}

/// @notice Answers with half a megabyte of zeros, as a success or as a failure: whoever copies the answer pays for it.
contract ReturnBombActor is Actor {
    bool public fails;

    function setFails(bool fails_) external {
        fails = fails_;
    }

    receive() external payable {
        bool fails_ = fails;
        assembly {
            if fails_ { revert(0, 500000) }
            return(0, 500000)
        }
    }
}

/// @notice On receiving money tries a list of calls on the sender and keeps score.
contract ReentrantActor is Actor {
    bytes[] public calls;
    bool[] public succeeded;
    uint256 public valueWei;

    function prepare(bytes[] calldata calls_, uint256 valueWei_) external {
        calls = calls_;
        delete succeeded;
        valueWei = valueWei_;
    }

    function score() external view returns (bool[] memory) {
        return succeeded;
    }

    receive() external payable {
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 value = i == 0 ? valueWei : 0;
            (bool ok,) = msg.sender.call{value: value}(calls[i]);
            succeeded.push(ok);
        }
    }
}
