// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMeetingPass} from "./IMeetingPass.sol";

/// @title Auctions of people's time: the interface
/// @notice All times are Unix seconds by block timestamp, all amounts wei. An auction goes
/// `None → Active → Cancelled`, or `None → Active → Ended → Closed`, and never back. An auction without a bid rests in
/// `Ended`. The winning bid stays in escrow until the meeting is settled; every payout is a credit that its owner
/// withdraws, so nobody's wallet can stand in the way of anybody else.
interface IMeetingAuction {
    enum AuctionState {
        None,
        Active,
        Ended,
        Cancelled,
        Closed
    }

    /// @param timeBufferS a bid closer than this to the end moves the end, so that nobody wins by being last
    /// @param maxExtensionS how far all extensions together may move the end: every auction has a last possible second
    /// @param minDurationS shortest bidding time
    /// @param maxDurationS longest bidding time
    /// @param releaseGraceS how long after the meeting anyone may release money that nobody settled
    /// @param feeBps platform fee in basis points, at most 1000; applies to auctions created from then on
    /// @param feeRecipient who is credited the fees
    /// @param minIncrementBps smallest raise in basis points of the standing bid
    struct Config {
        uint32 timeBufferS;
        uint32 maxExtensionS;
        uint32 minDurationS;
        uint32 maxDurationS;
        uint32 releaseGraceS;
        uint16 feeBps;
        address feeRecipient;
        uint16 minIncrementBps;
    }

    /// @param salt the host's own key for this auction: sending the same creation twice makes one auction
    /// @param startTime first second of bidding; 0, or any time already past, means now
    /// @param endTime first second in which the auction can be ended and not bid on, before extensions
    /// @param meetingStart when the meeting begins, not before `endTime`
    /// @param meetingDurationS how long the meeting lasts
    /// @param reservePriceWei smallest first bid
    /// @param minIncrementWei smallest raise, where it is more than `Config.minIncrementBps`
    /// @param transferable whether the winner may pass the pass on
    struct CreateParams {
        bytes32 salt;
        uint64 startTime;
        uint64 endTime;
        uint64 meetingStart;
        uint32 meetingDurationS;
        uint128 reservePriceWei;
        uint128 minIncrementWei;
        bool transferable;
    }

    /// @notice Everything known about an auction, in one read.
    /// @param highBidder the standing high bidder while `Active`, the winner afterwards; 0 without a bid
    /// @param minted whether the pass was ever minted (it may be burned by now)
    /// @param outcome see `Outcome`; 0 until settled
    struct AuctionView {
        AuctionState state;
        address host;
        uint64 startTime;
        uint64 endTime;
        uint64 originalEndTime;
        uint64 meetingStart;
        uint32 meetingDurationS;
        uint128 reservePriceWei;
        uint128 minIncrementWei;
        address highBidder;
        uint128 highBidWei;
        uint16 feeBps;
        bool transferable;
        bool minted;
        uint8 outcome;
    }

    event AuctionCreated(
        uint256 indexed auctionId,
        address indexed host,
        bytes32 indexed salt,
        uint64 startTime,
        uint64 endTime,
        uint64 meetingStart,
        uint32 meetingDurationS,
        uint128 reservePriceWei,
        uint128 minIncrementWei,
        uint16 feeBps,
        bool transferable
    );
    /// @notice `endTime` is the end after this bid: the only notice of an extension.
    event BidPlaced(uint256 indexed auctionId, address indexed bidder, uint256 amountWei, uint64 endTime);
    /// @notice `winner` is 0 when nobody bid.
    event AuctionEnded(uint256 indexed auctionId, address indexed winner, uint256 amountWei);
    event AuctionCancelled(uint256 indexed auctionId);
    /// @notice One id of `endAuctions` was skipped; see `FailureReason`.
    event AuctionEndFailed(uint256 indexed auctionId, uint8 reason);
    /// @notice One id of `mintPasses` was skipped; see `FailureReason`.
    event PassMintFailed(uint256 indexed auctionId, uint8 reason);
    /// @notice One id of `settleMeetings` was skipped; see `FailureReason`.
    event SettlementFailed(uint256 indexed auctionId, uint8 reason);
    /// @notice The escrow became credits. The three amounts add up to the winning bid.
    event MeetingSettled(
        uint256 indexed auctionId, uint8 indexed outcome, uint256 hostWei, uint256 refundWei, uint256 feeWei
    );
    /// @notice A pass was burned, by its holder or by settlement or release; `user` held it at that moment.
    event NFTBurnedForMeeting(uint256 indexed tokenId, uint256 indexed auctionId, address indexed user);
    event Withdrawn(address indexed account, address indexed to, uint256 amountWei);
    /// @notice The terms for auctions created from now on, and the receiver of all fees credited from now on.
    event FeeChanged(uint16 feeBps, address feeRecipient);

    error InvalidConfig();
    error AuctionExists(uint256 auctionId);
    error InvalidBiddingDuration(uint256 durationS, uint256 minDurationS, uint256 maxDurationS);
    error InvalidStartTime(uint256 startTime, uint256 latestStartTime);
    error InvalidMeetingTime(uint256 meetingStart, uint256 meetingDurationS);
    error UnknownAuction(uint256 auctionId);
    error AlreadyCancelled(uint256 auctionId);
    error AlreadyEnded(uint256 auctionId);
    error NotYetStarted(uint256 auctionId, uint256 startTime);
    error BiddingClosed(uint256 auctionId, uint256 endTime);
    error HostCannotBid(uint256 auctionId);
    error BidTooLow(uint256 auctionId, uint256 minimumWei);
    error NotHost(uint256 auctionId, address caller);
    error HasBids(uint256 auctionId);
    error NotEnded(uint256 auctionId);
    error NotSold(uint256 auctionId);
    error AlreadySettled(uint256 auctionId);
    error ReleaseTooEarly(uint256 auctionId, uint256 releasableAt);
    error NoPass(uint256 auctionId);
    error NotPassOwner(uint256 auctionId, address caller);
    error MeetingNotStarted(uint256 auctionId, uint256 meetingStart);
    error PassBurnFailed(uint256 auctionId);
    error LengthMismatch(uint256 ids, uint256 outcomes);
    error NothingToWithdraw(address account);
    error WithdrawalFailed(address account, address to);
    error InvalidRecipient(address to);

    /// @notice Puts a meeting up for auction; the caller is its host. Ids count 1, 2, 3…
    /// @dev Reverts with `AuctionExists(id)` when the caller used this salt before: creating is the one call without a
    /// natural key, so a sender that does not know whether its first try arrived can safely send it again.
    function createAuction(CreateParams calldata params) external returns (uint256 auctionId);

    /// @notice Bids the value sent. The bidder before is credited at once and withdraws when they like.
    /// @dev Calls nobody. A bid in the last `timeBufferS` moves the end, see `Config`.
    function bid(uint256 auctionId) external payable;

    /// @notice Withdraws an auction nobody has bid on. Only its host may.
    function cancel(uint256 auctionId) external;

    /// @notice Ends every auction in the list whose time is over. Anyone may call it, at any time, even while paused:
    /// an end must not depend on the platform.
    /// @dev Never reverts because of one id. Each is either ended (`AuctionEnded`) or reported (`AuctionEndFailed`).
    /// An id the remaining gas cannot finish is reported as OUT_OF_GAS and as nothing else.
    function endAuctions(uint256[] calldata auctionIds) external;

    /// @notice Gives each winner their pass. Operators only. Skips and reports like `endAuctions`.
    /// @dev No receiver hook is called, so a winning contract cannot object.
    function mintPasses(uint256[] calldata auctionIds) external;

    /// @notice Burns each pass that exists and pays out by outcome. Operators only. Skips and reports like
    /// `endAuctions`; reverts only when the two lists differ in length.
    /// @dev HELD and WINNER_ABSENT pay the host, less the fee agreed at creation. HOST_ABSENT refunds in full whoever
    /// holds the pass, else whoever burned it, else the winner: the claim follows the pass, otherwise one could sell
    /// the pass, agree with the host to stay away, and be refunded what the buyer paid for.
    /// The clock is not asked: a host may close a meeting early, or call it off before it starts.
    function settleMeetings(uint256[] calldata auctionIds, uint8[] calldata outcomes) external;

    /// @notice Pays the host of a meeting that nobody settled within the grace period. Anyone may call it, so that
    /// money can never be stuck, whatever becomes of the platform.
    function release(uint256 auctionId) external;

    /// @notice Burns the caller's pass once the meeting has begun, as proof of having used it. The caller stays the
    /// one to be refunded should the host never come.
    function burnForMeeting(uint256 auctionId) external;

    /// @notice Sends the caller all they are owed.
    function withdraw() external;

    /// @notice Sends all the caller is owed to another address, for accounts that cannot receive ether themselves.
    function withdrawTo(address to) external;

    /// @notice What this account can withdraw.
    function credits(address account) external view returns (uint256 amountWei);

    /// @notice The access passes; their token ids are auction ids.
    function pass() external view returns (IMeetingPass);

    /// @notice The rules of this deployment. Only the fee and its recipient can ever change.
    function config() external view returns (Config memory);

    /// @notice How many auctions were created, which is also the newest id.
    function auctionCount() external view returns (uint256);

    /// @notice The auction a host created under this salt, 0 if there is none.
    function auctionIdOf(address host, bytes32 salt) external view returns (uint256 auctionId);

    /// @notice Everything about an auction; all zero for an id that does not exist.
    function auctionState(uint256 auctionId) external view returns (AuctionView memory);

    /// @notice Which of these `endAuctions` would end in a block with this timestamp.
    function endable(uint256[] calldata auctionIds) external view returns (bool[] memory);

    /// @notice The smallest bid that would be taken next.
    function minimumBidWei(uint256 auctionId) external view returns (uint256);

    /// @notice From when on `release` pays the host, if nobody settles before.
    function releasableAt(uint256 auctionId) external view returns (uint256);
}
