// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IMeetingAuction} from "./IMeetingAuction.sol";

/// @title Where auctions are kept, and every way to read them
abstract contract AuctionBook is IMeetingAuction {
    uint256 internal constant BASIS_POINTS = 10_000;

    /// @dev What became of an auction's pass. It is minted at most once, hence not just "exists".
    enum PassState {
        NotMinted,
        Held,
        BurnedByHolder,
        BurnedAtClose
    }

    /// @dev Four slots. Ending reads the second and third and writes the second; a bid writes the same two.
    struct Auction {
        address host;
        uint64 meetingStart;
        uint32 meetingDurationS;
        // second slot
        address highBidder;
        uint64 endTime;
        AuctionState state;
        bool transferable;
        PassState passState;
        uint8 outcome;
        // third slot
        uint128 highBidWei;
        uint128 reservePriceWei;
        // fourth slot
        uint128 minIncrementWei;
        uint64 startTime;
        uint32 biddingDurationS;
        uint16 feeBps;
    }

    struct Fee {
        uint16 bps;
        address recipient;
    }

    uint32 internal immutable _timeBufferS;
    uint32 internal immutable _maxExtensionS;
    uint32 internal immutable _minDurationS;
    uint32 internal immutable _maxDurationS;
    uint32 internal immutable _releaseGraceS;
    uint16 internal immutable _minIncrementBps;

    Fee internal _fee;

    /// @inheritdoc IMeetingAuction
    uint256 public auctionCount;

    /// @inheritdoc IMeetingAuction
    mapping(address host => mapping(bytes32 salt => uint256 auctionId)) public auctionIdOf;

    mapping(uint256 auctionId => Auction) internal _auctions;

    constructor(Config memory initial) {
        if (initial.minDurationS == 0 || initial.minDurationS > initial.maxDurationS) revert InvalidConfig();
        if (initial.minIncrementBps > BASIS_POINTS) revert InvalidConfig();
        _timeBufferS = initial.timeBufferS;
        _maxExtensionS = initial.maxExtensionS;
        _minDurationS = initial.minDurationS;
        _maxDurationS = initial.maxDurationS;
        _releaseGraceS = initial.releaseGraceS;
        _minIncrementBps = initial.minIncrementBps;
    }

    /// @inheritdoc IMeetingAuction
    function config() external view returns (Config memory) {
        return Config({
            timeBufferS: _timeBufferS,
            maxExtensionS: _maxExtensionS,
            minDurationS: _minDurationS,
            maxDurationS: _maxDurationS,
            releaseGraceS: _releaseGraceS,
            feeBps: _fee.bps,
            feeRecipient: _fee.recipient,
            minIncrementBps: _minIncrementBps
        });
    }

    /// @inheritdoc IMeetingAuction
    function auctionState(uint256 auctionId) external view returns (AuctionView memory) {
        Auction storage a = _auctions[auctionId];
        return AuctionView({
            state: a.state,
            host: a.host,
            startTime: a.startTime,
            endTime: a.endTime,
            originalEndTime: a.startTime + a.biddingDurationS,
            meetingStart: a.meetingStart,
            meetingDurationS: a.meetingDurationS,
            reservePriceWei: a.reservePriceWei,
            minIncrementWei: a.minIncrementWei,
            highBidder: a.highBidder,
            highBidWei: a.highBidWei,
            feeBps: a.feeBps,
            transferable: a.transferable,
            minted: a.passState != PassState.NotMinted,
            outcome: a.outcome
        });
    }

    /// @inheritdoc IMeetingAuction
    function endable(uint256[] calldata auctionIds) external view returns (bool[] memory result) {
        result = new bool[](auctionIds.length);
        for (uint256 i = 0; i < auctionIds.length; ++i) {
            Auction storage a = _auctions[auctionIds[i]];
            result[i] = a.state == AuctionState.Active && block.timestamp >= a.endTime;
        }
    }

    /// @inheritdoc IMeetingAuction
    function minimumBidWei(uint256 auctionId) external view returns (uint256) {
        return _minimumBidWei(_known(auctionId));
    }

    /// @inheritdoc IMeetingAuction
    function releasableAt(uint256 auctionId) external view returns (uint256) {
        return _releasableAt(_known(auctionId));
    }

    function _known(uint256 auctionId) internal view returns (Auction storage a) {
        a = _auctions[auctionId];
        if (a.state == AuctionState.None) revert UnknownAuction(auctionId);
    }

    /// @dev At least one wei, and one wei more than before, whatever reserve and increments say: a bid of nothing could
    /// not be told from no bid, and an equal bid must not displace the one that came first.
    function _minimumBidWei(Auction storage a) internal view returns (uint256) {
        if (a.highBidder == address(0)) return Math.max(a.reservePriceWei, 1);
        uint256 highBidWei = a.highBidWei;
        uint256 relativeWei = highBidWei * _minIncrementBps / BASIS_POINTS;
        return highBidWei + Math.max(Math.max(a.minIncrementWei, relativeWei), 1);
    }

    /// @dev Extensions may have moved the end past the planned start of the meeting, so the later one counts.
    function _releasableAt(Auction storage a) internal view returns (uint256) {
        return Math.max(a.meetingStart, a.endTime) + a.meetingDurationS + _releaseGraceS;
    }
}
