// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Gas rules of the batch calls
/// @notice Before each item the gas left is compared with what the item could need at worst. An item that does not fit
/// is reported as starved and left untouched, so "too little gas" can never look like "cannot be done" and be given up.
/// @dev The floors are two to three times the measured worst case. That also covers EIP-150: a call gets 63/64 of what is
/// left, which at these floors is always more than it needs, so a call that fails did not fail for lack of gas.
abstract contract Batch {
    /// @dev Worst case: two cold slots read, one written, one event.
    uint256 internal constant END_ITEM_GAS = 30_000;
    /// @dev Worst case: three new slots, three events and a cold call.
    uint256 internal constant MINT_ITEM_GAS = 200_000;
    /// @dev Worst case: two new credits, a burn with a cleared approval, four events and a cold call.
    uint256 internal constant SETTLE_ITEM_GAS = 200_000;
    /// @dev Reporting one skipped item. Kept back for all that follow, so that each of them can still be reported.
    uint256 internal constant REPORT_GAS = 3_000;

    /// @param itemGas the most this item may need
    /// @param itemsLeft this one and those after it
    function _starved(uint256 itemGas, uint256 itemsLeft) internal view returns (bool) {
        return gasleft() < itemGas + itemsLeft * REPORT_GAS;
    }
}
