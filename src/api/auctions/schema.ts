import { z } from "zod";
import type { AuctionRow, BidRow } from "../../db/reads.ts";
import {
  Address,
  AuctionId,
  checksummed,
  checksummedOrNull,
  Hash,
  HashInput,
  page,
  PageQuery,
  Time,
  Wei,
} from "../schema.ts";

const Step = z
  .strictObject({ transactionHash: Hash, blockNumber: z.int(), at: Time.optional() })
  .meta({ id: "AuctionStep", description: "On-chain proof of one step" });

/** Open: clients must expect phases to come that are not listed. */
const Phase = z.enum(["bidding", "ending", "sold", "unsold", "cancelled", "closed"]);

const Title = z.string().max(120);
const Description = z.string().max(4_000);

const summary = {
  id: AuctionId,
  chainId: z.int(),
  contract: Address,
  host: Address,
  title: Title.nullable(),
  phase: Phase,
  startsAt: Time,
  endsAt: Time,
  meetingStartsAt: Time,
  meetingDurationS: z.int(),
  reservePriceWei: Wei,
  minIncrementWei: Wei,
  highBidWei: Wei.nullable(),
  highBidder: Address.nullable(),
  minNextBidWei: Wei.nullable().meta({
    description: "The least the next bid must be; null when no more bids are taken",
  }),
  bidCount: z.int(),
  transferable: z.boolean(),
  version: z.int(),
};

export const AuctionSummary = z.strictObject(summary).meta({ id: "AuctionSummary" });

export const Auction = z
  .strictObject({
    ...summary,
    description: Description.nullable(),
    originalEndsAt: Time,
    feeBps: z.int(),
    winner: Address.nullable(),
    passOwner: Address.nullable(),
    outcome: z.enum(["held", "host_absent", "winner_absent", "released"]).nullable(),
    hostPaidWei: Wei.nullable(),
    refundWei: Wei.nullable(),
    steps: z
      .record(z.string().max(40), Step)
      .meta({ description: "`created`, `ended`, … each with the transaction that proves it" }),
    serverTime: Time,
  })
  .meta({ id: "Auction" });

export const AuctionPage = page(AuctionSummary, "AuctionPage");

export const ActiveQuery = PageQuery.extend({
  sort: z.enum(["endsAt", "-endsAt"]).optional().meta({
    description: "`endsAt` (default): ending soonest first; `-endsAt`: ending last first",
  }),
});

export const Bid = z
  .strictObject({
    bidder: Address,
    amountWei: Wei,
    placedAt: Time,
    endsAt: Time.meta({ description: "When the auction ended after this bid" }),
    transactionHash: Hash,
    blockNumber: z.int(),
  })
  .meta({ id: "Bid" });

export const BidPage = page(Bid, "BidPage");

export const CreatedBody = z
  .strictObject({
    transactionHash: HashInput.meta({ description: "The transaction that called createAuction" }),
    auctionId: AuctionId.optional().meta({
      description: "Which auction is meant, where the transaction creates several of yours",
    }),
    title: z.string().trim().min(1).max(120),
    description: z.string().trim().max(4_000),
  })
  .meta({ id: "AuctionCreated" });

export const CreatedAnswer = z
  .strictObject({ auctionId: AuctionId, status: z.literal("recorded") })
  .meta({ id: "AuctionRecorded" });

export const PendingAnswer = z
  .strictObject({
    status: z.enum(["unknown", "unconfirmed", "unindexed"]).meta({
      description:
        "`unknown`: the chain has no receipt yet; `unconfirmed`, `unindexed`: it has. Title and description are kept in each case, and the auction appears by itself",
    }),
    auctionId: AuctionId.nullable(),
    confirmations: z.int(),
    confirmationsNeeded: z.int(),
  })
  .meta({ id: "AuctionPending" });

export const TransactionStatus = z
  .strictObject({
    transactionHash: Hash,
    status: z.enum(["unknown", "reverted", "other", "unconfirmed", "unindexed", "recorded"]),
    blockNumber: z.int().nullable(),
    lastError: z
      .enum(["transaction_reverted", "transaction_other"])
      .nullable()
      .meta({ description: "Why it will never be recorded" }),
    auctionId: AuctionId.nullable(),
    auctionIds: z.array(AuctionId).max(50).meta({
      description: "All auctions that the transaction creates; `auctionId` is the first of yours",
    }),
    confirmations: z.int(),
    confirmationsNeeded: z.int(),
  })
  .meta({ id: "CreationStatus" });

export const TransactionParams = z.strictObject({ transactionHash: HashInput });

const OUTCOME_NAMES = [null, "held", "host_absent", "winner_absent", "released"] as const;

export interface Place {
  readonly chainId: number;
  readonly contract: string;
  readonly minIncrementBps: number;
}

const BASIS_POINTS = 10_000n;

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** The least the next bid must be, as the contract counts it (AuctionBook._minimumBidWei). */
export function minNextBidWei(
  row: Pick<AuctionRow, "highBidWei" | "reservePriceWei" | "minIncrementWei">,
  minIncrementBps: number,
): string {
  if (row.highBidWei === null) return String(larger(BigInt(row.reservePriceWei), 1n));
  const highBidWei = BigInt(row.highBidWei);
  const relativeWei = (highBidWei * BigInt(minIncrementBps)) / BASIS_POINTS;
  return String(highBidWei + larger(larger(BigInt(row.minIncrementWei), relativeWei), 1n));
}

export function summaryView(row: AuctionRow, place: Place): z.input<typeof AuctionSummary> {
  return {
    id: row.auctionId,
    chainId: place.chainId,
    contract: checksummed(place.contract),
    host: checksummed(row.host),
    title: row.title,
    phase: row.phase,
    startsAt: row.startsAt.toISOString(),
    endsAt: row.endsAt.toISOString(),
    meetingStartsAt: row.meetingStartsAt.toISOString(),
    meetingDurationS: row.meetingDurationS,
    reservePriceWei: row.reservePriceWei,
    minIncrementWei: row.minIncrementWei,
    highBidWei: row.highBidWei,
    highBidder: checksummedOrNull(row.highBidder),
    minNextBidWei: row.phase === "bidding" ? minNextBidWei(row, place.minIncrementBps) : null,
    bidCount: row.bidCount,
    transferable: row.transferable,
    version: row.version,
  };
}

export function auctionView(row: AuctionRow, place: Place, now: Date): z.input<typeof Auction> {
  return {
    ...summaryView(row, place),
    description: row.description,
    originalEndsAt: row.originalEndsAt.toISOString(),
    feeBps: row.feeBps,
    winner: checksummedOrNull(row.winner),
    passOwner: checksummedOrNull(row.passOwner),
    outcome: OUTCOME_NAMES[row.outcome ?? 0] ?? null,
    hostPaidWei: row.hostPaidWei,
    refundWei: row.refundWei,
    steps: Object.fromEntries(
      Object.entries(row.steps).map(([name, step]) => [
        name,
        {
          transactionHash: step.transactionHash,
          blockNumber: step.blockNumber,
          ...(step.at === undefined ? {} : { at: new Date(step.at).toISOString() }),
        },
      ]),
    ),
    serverTime: now.toISOString(),
  };
}

export function bidView(row: BidRow): z.input<typeof Bid> {
  return {
    bidder: checksummed(row.bidder),
    amountWei: row.amountWei,
    placedAt: row.placedAt.toISOString(),
    endsAt: row.endsAt.toISOString(),
    transactionHash: row.transactionHash,
    blockNumber: row.blockNumber,
  };
}
