// What the contracts should do, written a second time, from the rules and not from the Solidity: plain objects, no
// packing, no gas. The sequence tests compare the two after every step.
import { FAILURE_REASONS, OUTCOMES } from "../../src/chain/contracts.ts";
import type { FailureReasonName } from "../../src/chain/contracts.ts";

export type ModelState = "ACTIVE" | "ENDED" | "CANCELLED" | "CLOSED";

export interface ModelAuction {
  readonly host: string;
  readonly originalEndTime: number;
  readonly meetingStart: number;
  readonly meetingDurationS: number;
  readonly reservePriceWei: bigint;
  readonly minIncrementWei: bigint;
  readonly feeBps: bigint;
  readonly transferable: boolean;
  state: ModelState;
  endTime: number;
  /** Every bid that was taken, in order; the last one wins. */
  readonly bids: { readonly bidder: string; readonly amountWei: bigint }[];
  mintCount: number;
  /** Who owns the pass now, if it exists. */
  holder: string | undefined;
  /** Who burned it before the meeting was settled. */
  burnedBy: string | undefined;
  outcome: number;
}

export interface ModelConfig {
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly releaseGraceS: number;
  readonly minIncrementBps: bigint;
  readonly feeRecipient: string;
}

/** What a call does: revert with an error, or skip some items of a batch and do the rest. */
export type Effect =
  | { readonly revert: string }
  | { readonly skipped: readonly [id: bigint, reason: number][] };

const DONE: Effect = { skipped: [] };
const revert = (name: string): Effect => ({ revert: name });

export class Model {
  readonly auctions: ModelAuction[] = [];
  readonly credits = new Map<string, bigint>();
  readonly config: ModelConfig;
  feeBps: bigint;
  isPaused = false;

  constructor(config: ModelConfig, feeBps: bigint) {
    this.config = config;
    this.feeBps = feeBps;
  }

  get(id: bigint): ModelAuction | undefined {
    return this.auctions[Number(id) - 1];
  }

  create(
    auction: Omit<
      ModelAuction,
      "state" | "bids" | "mintCount" | "holder" | "burnedBy" | "outcome" | "feeBps"
    >,
  ): Effect {
    if (this.isPaused) return revert("EnforcedPause");
    const fresh = {
      state: "ACTIVE",
      bids: [],
      mintCount: 0,
      holder: undefined,
      burnedBy: undefined,
      outcome: 0,
    } as const;
    this.auctions.push({ ...auction, ...fresh, bids: [], feeBps: this.feeBps });
    return DONE;
  }

  minimumBidWei(auction: ModelAuction): bigint {
    const high = auction.bids.at(-1);
    if (high === undefined) return auction.reservePriceWei || 1n;
    const raises = [
      1n,
      auction.minIncrementWei,
      (high.amountWei * this.config.minIncrementBps) / 10_000n,
    ];
    return high.amountWei + raises.reduce((most, raise) => (raise > most ? raise : most));
  }

  bid(nowS: number, id: bigint, bidder: string, amountWei: bigint): Effect {
    const auction = this.get(id);
    if (this.isPaused) return revert("EnforcedPause");
    if (auction === undefined) return revert("UnknownAuction");
    if (auction.state === "CANCELLED") return revert("AlreadyCancelled");
    if (auction.state !== "ACTIVE") return revert("AlreadyEnded");
    if (nowS >= auction.endTime) return revert("BiddingClosed");
    if (bidder === auction.host) return revert("HostCannotBid");
    if (amountWei < this.minimumBidWei(auction)) return revert("BidTooLow");
    const outbid = auction.bids.at(-1);
    if (outbid !== undefined) this.#credit(outbid.bidder, outbid.amountWei);
    auction.bids.push({ bidder, amountWei });
    if (auction.endTime - nowS < this.config.timeBufferS) {
      const cap = auction.originalEndTime + this.config.maxExtensionS;
      auction.endTime = Math.max(auction.endTime, Math.min(nowS + this.config.timeBufferS, cap));
    }
    return DONE;
  }

  cancel(id: bigint, caller: string): Effect {
    const auction = this.get(id);
    if (auction === undefined) return revert("UnknownAuction");
    if (auction.state === "CANCELLED") return revert("AlreadyCancelled");
    if (auction.state !== "ACTIVE") return revert("AlreadyEnded");
    if (auction.host !== caller) return revert("NotHost");
    if (auction.bids.length > 0) return revert("HasBids");
    auction.state = "CANCELLED";
    return DONE;
  }

  end(nowS: number, ids: readonly bigint[]): Effect {
    return this.#batch(ids, (auction) => {
      if (auction.state === "CANCELLED") return "CANCELLED";
      if (auction.state !== "ACTIVE") return "ALREADY_ENDED";
      if (nowS < auction.endTime) return "NOT_YET_ENDED";
      auction.state = "ENDED";
      return undefined;
    });
  }

  mint(ids: readonly bigint[]): Effect {
    return this.#batch(ids, (auction) => {
      const reason = unsold(auction);
      if (reason !== undefined) return reason;
      if (auction.mintCount > 0) return "ALREADY_MINTED";
      if (auction.state === "CLOSED") return "ALREADY_SETTLED";
      auction.mintCount += 1;
      auction.holder = auction.bids.at(-1)?.bidder;
      return undefined;
    });
  }

  settle(ids: readonly bigint[], outcomes: readonly number[]): Effect {
    return this.#batch(ids, (auction, index) => {
      const reason = unsold(auction);
      if (reason !== undefined) return reason;
      if (auction.state === "CLOSED") return "ALREADY_SETTLED";
      const outcome = outcomes[index] ?? 0;
      if (outcome < OUTCOMES.HELD || outcome > OUTCOMES.WINNER_ABSENT) return "BAD_OUTCOME";
      this.#close(auction, outcome);
      return undefined;
    });
  }

  release(nowS: number, id: bigint): Effect {
    const auction = this.get(id);
    if (auction === undefined) return revert("UnknownAuction");
    if (auction.state === "CANCELLED") return revert("AlreadyCancelled");
    if (auction.state === "ACTIVE") return revert("NotEnded");
    if (auction.bids.length === 0) return revert("NotSold");
    if (auction.state === "CLOSED") return revert("AlreadySettled");
    if (nowS < this.releasableAt(auction)) return revert("ReleaseTooEarly");
    this.#close(auction, OUTCOMES.RELEASED);
    return DONE;
  }

  releasableAt(auction: ModelAuction): number {
    return (
      Math.max(auction.meetingStart, auction.endTime) +
      auction.meetingDurationS +
      this.config.releaseGraceS
    );
  }

  burn(nowS: number, id: bigint, caller: string): Effect {
    const auction = this.get(id);
    if (auction === undefined) return revert("UnknownAuction");
    if (auction.holder === undefined) return revert("NoPass");
    if (auction.holder !== caller) return revert("NotPassOwner");
    if (nowS < auction.meetingStart) return revert("MeetingNotStarted");
    auction.burnedBy = caller;
    auction.holder = undefined;
    return DONE;
  }

  transfer(id: bigint, from: string, to: string): Effect {
    const auction = this.get(id);
    if (auction?.holder === undefined) return revert("ERC721NonexistentToken");
    if (auction.holder !== from) return revert("ERC721InsufficientApproval");
    if (!auction.transferable) return revert("PassLocked");
    auction.holder = to;
    return DONE;
  }

  withdraw(account: string): Effect {
    if ((this.credits.get(account) ?? 0n) === 0n) return revert("NothingToWithdraw");
    this.credits.set(account, 0n);
    return DONE;
  }

  #close(auction: ModelAuction, outcome: number): void {
    const { bidder: winner, amountWei } = auction.bids.at(-1) ?? { bidder: "", amountWei: 0n };
    const feeWei = outcome === OUTCOMES.HOST_ABSENT ? 0n : (amountWei * auction.feeBps) / 10_000n;
    const claimant = auction.holder ?? auction.burnedBy ?? winner;
    this.#credit(outcome === OUTCOMES.HOST_ABSENT ? claimant : auction.host, amountWei - feeWei);
    this.#credit(this.config.feeRecipient, feeWei);
    auction.state = "CLOSED";
    auction.outcome = outcome;
    auction.holder = undefined;
  }

  #credit(account: string, amountWei: bigint): void {
    this.credits.set(account, (this.credits.get(account) ?? 0n) + amountWei);
  }

  #batch(
    ids: readonly bigint[],
    act: (auction: ModelAuction, index: number) => FailureReasonName | undefined,
  ): Effect {
    const skipped: [bigint, number][] = [];
    for (const [index, id] of ids.entries()) {
      const auction = this.get(id);
      const reason = auction === undefined ? "UNKNOWN_AUCTION" : act(auction, index);
      if (reason !== undefined) skipped.push([id, FAILURE_REASONS[reason]]);
    }
    return { skipped };
  }
}

function unsold(auction: ModelAuction): FailureReasonName | undefined {
  if (auction.state === "CANCELLED") return "CANCELLED";
  if (auction.state === "ACTIVE") return "NOT_ENDED";
  return auction.bids.length === 0 ? "NOT_SOLD" : undefined;
}
