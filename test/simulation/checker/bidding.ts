// The rules of bidding, implemented a second time from their description (contracts/src/IMeetingAuction.sol), and
// applied to every transaction that people sent.
import { CALLS } from "./abi.ts";
import type { CanonicalChain, CanonicalTransaction } from "./canonical.ts";
import type { World } from "./sources.ts";
import type { Findings } from "./violations.ts";

export interface BiddingRules {
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly minIncrementBps: number;
}

export interface ReferenceAuction {
  readonly id: string;
  readonly host: string;
  readonly startS: number;
  readonly plannedEndS: number;
  readonly reserveWei: bigint;
  readonly incrementWei: bigint;
  endS: number;
  highBidder: string | undefined;
  highBidWei: bigint;
  bids: number;
  cancelled: boolean;
  endedAtS: number | undefined;
}

/** Replays people's transactions; finds what the contract decided otherwise. Returns the auctions by id. */
export function replayBidding(
  world: World,
  chain: CanonicalChain,
  rules: BiddingRules,
  findings: Findings,
): Map<string, ReferenceAuction> {
  const auctions = new Map<string, ReferenceAuction>();
  for (const transaction of chain.transactions) {
    if (transaction.to !== world.auctionContract) continue;
    const call = CALLS.parseTransaction({ data: transaction.input });
    if (call === null) continue;
    const { name, args } = call;
    if (name === "createAuction") {
      if (transaction.succeeded) create(auctions, transaction, args[0]);
      continue;
    }
    if (name === "endAuctions") {
      if (transaction.succeeded)
        for (const id of args[0]) end(auctions.get(String(id)), transaction.timestampS);
      continue;
    }
    if (name !== "bid" && name !== "cancel") continue;
    const auction = auctions.get(String(args[0]));
    const allowed =
      auction !== undefined &&
      (name === "bid" ? takesBid(auction, transaction, rules) : takesCancel(auction, transaction));
    if (allowed !== transaction.succeeded) {
      findings.add(
        "bidding-rules",
        `auction ${String(args[0])}`,
        `${name} in ${transaction.hash} ${transaction.succeeded ? "succeeded" : "failed"}, the reference says otherwise`,
      );
    }
  }
  return auctions;
}

function create(
  auctions: Map<string, ReferenceAuction>,
  transaction: CanonicalTransaction,
  params: Record<string, bigint>,
): void {
  const id = String(auctions.size + 1);
  const endS = Number(params["endTime"]);
  auctions.set(id, {
    id,
    host: transaction.from,
    startS: Math.max(Number(params["startTime"]), transaction.timestampS),
    plannedEndS: endS,
    reserveWei: params["reservePriceWei"] ?? 0n,
    incrementWei: params["minIncrementWei"] ?? 0n,
    endS,
    highBidder: undefined,
    highBidWei: 0n,
    bids: 0,
    cancelled: false,
    endedAtS: undefined,
  });
}

const isOpen = (auction: ReferenceAuction): boolean =>
  !auction.cancelled && auction.endedAtS === undefined;

function takesBid(
  auction: ReferenceAuction,
  { from, valueWei, timestampS }: CanonicalTransaction,
  rules: BiddingRules,
): boolean {
  if (!isOpen(auction) || timestampS < auction.startS || timestampS >= auction.endS) return false;
  if (from === auction.host) return false;
  const increments = [
    auction.incrementWei,
    (auction.highBidWei * BigInt(rules.minIncrementBps)) / 10_000n,
    1n,
  ];
  const least =
    auction.highBidder === undefined
      ? auction.reserveWei > 0n
        ? auction.reserveWei
        : 1n
      : auction.highBidWei + increments.reduce((a, b) => (a > b ? a : b));
  if (valueWei < least) return false;
  auction.highBidder = from;
  auction.highBidWei = valueWei;
  auction.bids += 1;
  const latestEndS = auction.plannedEndS + rules.maxExtensionS;
  auction.endS = Math.max(auction.endS, Math.min(timestampS + rules.timeBufferS, latestEndS));
  return true;
}

function takesCancel(auction: ReferenceAuction, { from }: CanonicalTransaction): boolean {
  if (!isOpen(auction) || from !== auction.host || auction.highBidder !== undefined) return false;
  auction.cancelled = true;
  return true;
}

function end(auction: ReferenceAuction | undefined, timestampS: number): void {
  if (auction === undefined || !isOpen(auction) || timestampS < auction.endS) return;
  auction.endedAtS = timestampS;
}
