// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IMeetingAuction} from "./IMeetingAuction.sol";

/// @title Pull payments
/// @notice Whoever is owed money is credited and comes for it. Pushing it would hand every receiver a veto over the
/// bid, end or settlement that pays them.
abstract contract Credits is ReentrancyGuardTransient, IMeetingAuction {
    /// @inheritdoc IMeetingAuction
    mapping(address account => uint256 amountWei) public credits;

    /// @inheritdoc IMeetingAuction
    function withdraw() external {
        _withdraw(msg.sender);
    }

    /// @inheritdoc IMeetingAuction
    function withdrawTo(address to) external {
        if (to == address(0)) revert InvalidRecipient(to);
        _withdraw(to);
    }

    function _credit(address account, uint256 amountWei) internal {
        if (amountWei != 0) credits[account] += amountWei;
    }

    /// @dev The credit is gone before the call, and the receiver's answer is not copied: it may be a megabyte.
    function _withdraw(address to) private nonReentrant {
        uint256 amountWei = credits[msg.sender];
        if (amountWei == 0) revert NothingToWithdraw(msg.sender);
        credits[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amountWei);
        if (!LowLevelCall.callNoReturn(to, amountWei, "")) revert WithdrawalFailed(msg.sender, to);
    }
}
