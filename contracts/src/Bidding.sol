// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {AuctionBook} from "./AuctionBook.sol";
import {Batch} from "./Batch.sol";
import {FailureReason} from "./Codes.sol";
import {Credits} from "./Credits.sol";
import {IMeetingAuction} from "./IMeetingAuction.sol";

/// @title From creation to end
/// @dev Nothing here calls another contract.
abstract contract Bidding is AuctionBook, Credits, Batch, Pausable {
    using SafeCast for uint256;

    /// @dev Bounds how long a bid can be locked up: without them a host could put the meeting, and with it the
    /// release of the money, beyond any lifetime.
    uint256 internal constant MAX_START_DELAY_S = 366 days;
    uint256 internal constant MAX_MEETING_DELAY_S = 366 days;
    uint256 internal constant MAX_MEETING_DURATION_S = 31 days;

    /// @inheritdoc IMeetingAuction
    function createAuction(CreateParams calldata params) external whenNotPaused returns (uint256 auctionId) {
        uint256 existing = auctionIdOf[msg.sender][params.salt];
        if (existing != 0) revert AuctionExists(existing);

        // A start already past is not refused: the transaction may have waited longer than the host planned.
        uint64 startTime = Math.max(params.startTime, block.timestamp).toUint64();
        uint256 latestStartTime = block.timestamp + MAX_START_DELAY_S;
        if (startTime > latestStartTime) revert InvalidStartTime(startTime, latestStartTime);
        uint256 durationS = params.endTime > startTime ? params.endTime - startTime : 0;
        if (durationS < _minDurationS || durationS > _maxDurationS) {
            revert InvalidBiddingDuration(durationS, _minDurationS, _maxDurationS);
        }
        if (
            params.meetingStart < params.endTime || params.meetingStart - params.endTime > MAX_MEETING_DELAY_S
                || params.meetingDurationS == 0 || params.meetingDurationS > MAX_MEETING_DURATION_S
        ) {
            revert InvalidMeetingTime(params.meetingStart, params.meetingDurationS);
        }

        auctionId = ++auctionCount;
        auctionIdOf[msg.sender][params.salt] = auctionId;
        Auction storage a = _auctions[auctionId];
        a.host = msg.sender;
        a.meetingStart = params.meetingStart;
        a.meetingDurationS = params.meetingDurationS;
        a.endTime = params.endTime;
        a.state = AuctionState.Active;
        a.transferable = params.transferable;
        a.reservePriceWei = params.reservePriceWei;
        a.minIncrementWei = params.minIncrementWei;
        a.startTime = startTime;
        a.biddingDurationS = uint32(durationS);
        a.feeBps = _fee.bps;

        emit AuctionCreated(
            auctionId,
            msg.sender,
            params.salt,
            startTime,
            params.endTime,
            params.meetingStart,
            params.meetingDurationS,
            params.reservePriceWei,
            params.minIncrementWei,
            a.feeBps,
            params.transferable
        );
    }

    /// @inheritdoc IMeetingAuction
    function bid(uint256 auctionId) external payable whenNotPaused nonReentrant {
        Auction storage a = _active(auctionId);
        uint64 endTime = a.endTime;
        if (block.timestamp < a.startTime) revert NotYetStarted(auctionId, a.startTime);
        if (block.timestamp >= endTime) revert BiddingClosed(auctionId, endTime);
        if (msg.sender == a.host) revert HostCannotBid(auctionId);
        uint256 minimumWei = _minimumBidWei(a);
        if (msg.value < minimumWei) revert BidTooLow(auctionId, minimumWei);

        // The previous bid becomes a credit and stops being a bid in the same step: counted twice, it would be money
        // that is not there.
        address outbid = a.highBidder;
        if (outbid != address(0)) _credit(outbid, a.highBidWei);

        endTime = _extendedEnd(a, endTime);
        a.highBidder = msg.sender;
        a.highBidWei = msg.value.toUint128();
        a.endTime = endTime;
        emit BidPlaced(auctionId, msg.sender, msg.value, endTime);
    }

    /// @inheritdoc IMeetingAuction
    function cancel(uint256 auctionId) external {
        Auction storage a = _active(auctionId);
        if (msg.sender != a.host) revert NotHost(auctionId, msg.sender);
        if (a.highBidder != address(0)) revert HasBids(auctionId);
        a.state = AuctionState.Cancelled;
        emit AuctionCancelled(auctionId);
    }

    /// @inheritdoc IMeetingAuction
    function endAuctions(uint256[] calldata auctionIds) external {
        uint256 count = auctionIds.length;
        for (uint256 i = 0; i < count; ++i) {
            uint256 auctionId = auctionIds[i];
            uint8 reason = _starved(END_ITEM_GAS, count - i) ? FailureReason.OUT_OF_GAS : _end(auctionId);
            if (reason != 0) emit AuctionEndFailed(auctionId, reason);
        }
    }

    /// @return reason 0 if it ended now
    function _end(uint256 auctionId) private returns (uint8 reason) {
        Auction storage a = _auctions[auctionId];
        AuctionState state = a.state;
        if (state == AuctionState.None) return FailureReason.UNKNOWN_AUCTION;
        if (state == AuctionState.Cancelled) return FailureReason.CANCELLED;
        if (state != AuctionState.Active) return FailureReason.ALREADY_ENDED;
        if (block.timestamp < a.endTime) return FailureReason.NOT_YET_ENDED;
        a.state = AuctionState.Ended;
        emit AuctionEnded(auctionId, a.highBidder, a.highBidWei);
    }

    function _active(uint256 auctionId) private view returns (Auction storage a) {
        a = _known(auctionId);
        AuctionState state = a.state;
        if (state == AuctionState.Cancelled) revert AlreadyCancelled(auctionId);
        if (state != AuctionState.Active) revert AlreadyEnded(auctionId);
    }

    /// @dev The end after a bid made now: never earlier than it was, never past the cap.
    function _extendedEnd(Auction storage a, uint64 endTime) private view returns (uint64) {
        uint256 lastPossible = uint256(a.startTime) + a.biddingDurationS + _maxExtensionS;
        uint256 wanted = Math.min(block.timestamp + _timeBufferS, lastPossible);
        return Math.max(endTime, wanted).toUint64();
    }
}
