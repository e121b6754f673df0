// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Why one item of a batch call was skipped
/// @notice The one list used by `AuctionEndFailed`, `PassMintFailed` and `SettlementFailed`. Codes are never reused:
/// a consumer that stored one must be able to read it for ever.
library FailureReason {
    /// @notice No auction was ever created under this id.
    uint8 internal constant UNKNOWN_AUCTION = 1;
    /// @notice Asked to end before the end time: ask again later.
    uint8 internal constant NOT_YET_ENDED = 2;
    /// @notice Asked to end, and somebody already did: the wanted effect is there.
    uint8 internal constant ALREADY_ENDED = 3;
    /// @notice The host cancelled it. Nothing will ever happen to it.
    uint8 internal constant CANCELLED = 4;
    /// @notice Nothing was tried, because the gas left could not finish it: ask again with a smaller batch or more gas.
    uint8 internal constant OUT_OF_GAS = 5;
    /// @notice Asked to mint or settle before `endAuctions` ran: end it first.
    uint8 internal constant NOT_ENDED = 6;
    /// @notice Ended without a bid, so there is neither a pass nor money.
    uint8 internal constant NOT_SOLD = 7;
    /// @notice Its pass was minted before (it may be burned by now). There is never a second one.
    uint8 internal constant ALREADY_MINTED = 8;
    /// @notice The money was already moved, by a settlement or by `release`.
    uint8 internal constant ALREADY_SETTLED = 9;
    /// @notice The outcome is none of those an operator may report.
    uint8 internal constant BAD_OUTCOME = 10;
    /// @notice The pass contract refused with gas to spare. Unreachable as the contracts are written; kept so that a
    /// surprise there is an event about one item and not the failure of a whole batch.
    uint8 internal constant REVERTED = 11;
}

/// @title How a meeting came out, and so who is paid
library Outcome {
    /// @notice Not settled yet.
    uint8 internal constant NONE = 0;
    /// @notice The meeting took place: the host is paid.
    uint8 internal constant HELD = 1;
    /// @notice The host never came: the holder of the pass is refunded.
    uint8 internal constant HOST_ABSENT = 2;
    /// @notice The winner never came: the host kept the time free and is paid.
    uint8 internal constant WINNER_ABSENT = 3;
    /// @notice Nobody settled within the grace period and someone called `release`: the host is paid.
    uint8 internal constant RELEASED = 4;
}
