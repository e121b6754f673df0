// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {AuctionBook} from "./AuctionBook.sol";
import {Batch} from "./Batch.sol";
import {FailureReason, Outcome} from "./Codes.sol";
import {Credits} from "./Credits.sol";
import {IMeetingAuction} from "./IMeetingAuction.sol";
import {IMeetingPass} from "./IMeetingPass.sol";
import {MeetingPass} from "./MeetingPass.sol";

/// @title From end to payout: the pass and the escrow
/// @dev The only contract called is the pass, which is ours and calls nobody.
abstract contract Settlement is AuctionBook, Credits, Batch, AccessControlDefaultAdminRules {
    /// @notice May mint passes and report how meetings came out. Cannot choose who is paid beyond that, nor keep money
    /// from being released.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @inheritdoc IMeetingAuction
    IMeetingPass public immutable pass = new MeetingPass();

    /// @dev Who burned a pass before settlement, for a refund.
    mapping(uint256 auctionId => address) private _lastHolder;

    /// @inheritdoc IMeetingAuction
    function mintPasses(uint256[] calldata auctionIds) external nonReentrant onlyRole(OPERATOR_ROLE) {
        uint256 count = auctionIds.length;
        for (uint256 i = 0; i < count; ++i) {
            uint256 auctionId = auctionIds[i];
            uint8 reason = _starved(MINT_ITEM_GAS, count - i) ? FailureReason.OUT_OF_GAS : _mint(auctionId);
            if (reason != 0) emit PassMintFailed(auctionId, reason);
        }
    }

    /// @inheritdoc IMeetingAuction
    function settleMeetings(uint256[] calldata auctionIds, uint8[] calldata outcomes)
        external
        nonReentrant
        onlyRole(OPERATOR_ROLE)
    {
        uint256 count = auctionIds.length;
        if (count != outcomes.length) revert LengthMismatch(count, outcomes.length);
        for (uint256 i = 0; i < count; ++i) {
            uint256 auctionId = auctionIds[i];
            uint8 reason =
                _starved(SETTLE_ITEM_GAS, count - i) ? FailureReason.OUT_OF_GAS : _settle(auctionId, outcomes[i]);
            if (reason != 0) emit SettlementFailed(auctionId, reason);
        }
    }

    /// @inheritdoc IMeetingAuction
    function release(uint256 auctionId) external nonReentrant {
        Auction storage a = _known(auctionId);
        uint8 reason = _unsoldReason(a);
        if (reason == FailureReason.CANCELLED) revert AlreadyCancelled(auctionId);
        if (reason == FailureReason.NOT_ENDED) revert NotEnded(auctionId);
        if (reason == FailureReason.NOT_SOLD) revert NotSold(auctionId);
        if (a.state == AuctionState.Closed) revert AlreadySettled(auctionId);
        uint256 availableAt = _releasableAt(a);
        if (block.timestamp < availableAt) revert ReleaseTooEarly(auctionId, availableAt);
        if (!_close(auctionId, a, Outcome.RELEASED)) revert PassBurnFailed(auctionId);
    }

    /// @inheritdoc IMeetingAuction
    function burnForMeeting(uint256 auctionId) external nonReentrant {
        Auction storage a = _known(auctionId);
        if (a.passState != PassState.Held) revert NoPass(auctionId);
        if (pass.ownerOf(auctionId) != msg.sender) revert NotPassOwner(auctionId, msg.sender);
        if (block.timestamp < a.meetingStart) revert MeetingNotStarted(auctionId, a.meetingStart);
        a.passState = PassState.BurnedByHolder;
        _lastHolder[auctionId] = msg.sender;
        pass.burn(auctionId);
        emit NFTBurnedForMeeting(auctionId, auctionId, msg.sender);
    }

    /// @return reason 0 if the pass was minted now
    function _mint(uint256 auctionId) private returns (uint8 reason) {
        Auction storage a = _auctions[auctionId];
        reason = _unsoldReason(a);
        if (reason != 0) return reason;
        if (a.passState != PassState.NotMinted) return FailureReason.ALREADY_MINTED;
        if (a.state == AuctionState.Closed) return FailureReason.ALREADY_SETTLED;
        try pass.mint(a.highBidder, auctionId, a.transferable) {
            a.passState = PassState.Held;
        } catch {
            return FailureReason.REVERTED;
        }
    }

    /// @return reason 0 if it was settled now
    function _settle(uint256 auctionId, uint8 outcome) private returns (uint8 reason) {
        Auction storage a = _auctions[auctionId];
        reason = _unsoldReason(a);
        if (reason != 0) return reason;
        if (a.state == AuctionState.Closed) return FailureReason.ALREADY_SETTLED;
        if (outcome < Outcome.HELD || outcome > Outcome.WINNER_ABSENT) return FailureReason.BAD_OUTCOME;
        if (!_close(auctionId, a, outcome)) return FailureReason.REVERTED;
    }

    /// @return reason why there is neither pass nor escrow, 0 if this auction was sold
    function _unsoldReason(Auction storage a) private view returns (uint8 reason) {
        AuctionState state = a.state;
        if (state == AuctionState.None) return FailureReason.UNKNOWN_AUCTION;
        if (state == AuctionState.Cancelled) return FailureReason.CANCELLED;
        if (state == AuctionState.Active) return FailureReason.NOT_ENDED;
        if (a.highBidder == address(0)) return FailureReason.NOT_SOLD;
    }

    /// @dev Burns the pass if it exists and turns the escrow into credits, or does nothing at all.
    function _close(uint256 auctionId, Auction storage a, uint8 outcome) private returns (bool closed) {
        address claimant = a.highBidder;
        if (a.passState == PassState.Held) {
            try pass.burn(auctionId) returns (address holder) {
                claimant = holder;
            } catch {
                return false;
            }
            a.passState = PassState.BurnedAtClose;
            emit NFTBurnedForMeeting(auctionId, auctionId, claimant);
        } else if (a.passState == PassState.BurnedByHolder) {
            claimant = _lastHolder[auctionId];
        }
        a.state = AuctionState.Closed;
        a.outcome = outcome;

        uint256 escrowWei = a.highBidWei;
        if (outcome == Outcome.HOST_ABSENT) {
            _credit(claimant, escrowWei);
            emit MeetingSettled(auctionId, outcome, 0, escrowWei, 0);
        } else {
            uint256 feeWei = escrowWei * a.feeBps / BASIS_POINTS;
            _credit(a.host, escrowWei - feeWei);
            _credit(_fee.recipient, feeWei);
            emit MeetingSettled(auctionId, outcome, escrowWei - feeWei, 0, feeWei);
        }
        return true;
    }
}
