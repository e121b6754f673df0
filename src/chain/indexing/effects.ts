import type { NewEvent } from "../../db/events.ts";
import type { OutboxMessage, StartMessage } from "../../db/outbox.ts";
import {
  auctionWorkflowId,
  type OperationKind,
  type RevertedMessage,
} from "../../domain/process.ts";
import { checksummed } from "../checksum.ts";
import type { ChainEvent } from "./decode.ts";
import { type AuctionProjection, ZERO_ADDRESS } from "./projection.ts";

/** What one canonical event means for clients and for the auction's workflow. */
export interface Effects {
  readonly events: readonly NewEvent[];
  readonly messages: readonly OutboxMessage[];
}

const NOTHING: Effects = { events: [], messages: [] };

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

/**
 * Pure: derives the effects from the event and the projection before and after it. `sighting` counts how often the log has
 * become canonical: when a dropped block comes back, clients who were told that it was gone are told again.
 */
export function effectsOf(
  before: AuctionProjection | undefined,
  event: ChainEvent,
  after: AuctionProjection,
  sighting = 1,
): Effects {
  const { chainId, auctionId } = after;
  const workflowId = auctionWorkflowId(after);
  const place = {
    auctionId,
    transactionHash: event.transactionHash,
    blockNumber: event.blockNumber,
  };
  const tell = (type: string, audience: readonly string[], data: object): NewEvent => ({
    type,
    audience: [`auction:${auctionId}`, ...audience],
    data: { ...place, ...data },
    // A crash or a reindex tells nothing twice.
    cause: `${chainId}:${event.blockHash}:${event.logIndex}:${type}${sighting === 1 ? "" : `:${sighting}`}`,
    occurredAt: new Date(event.blockTimestampS * 1000),
  });
  const host = `wallet:${after.host}`;

  switch (event.name) {
    case "AuctionCreated":
      return {
        events: [
          tell("auction-created", ["public"], {
            host: checksummed(after.host),
            endsAt: iso(after.endsAtS),
            reservePriceWei: after.reservePriceWei,
          }),
        ],
        messages: [startOf(after)],
      };
    case "BidPlaced": {
      const outbid = before?.highBidder ?? null;
      const bid = tell("bid-placed", [host, ...(outbid === null ? [] : [`wallet:${outbid}`])], {
        bidder: checksummed(after.highBidder ?? ZERO_ADDRESS),
        amountWei: after.highBidWei,
        endsAt: iso(after.endsAtS),
      });
      if (before === undefined || before.endsAtS === after.endsAtS)
        return { events: [bid], messages: [] };
      return {
        events: [
          bid,
          tell("auction-extended", [host], {
            endsAt: iso(after.endsAtS),
            previousEndsAt: iso(before.endsAtS),
          }),
        ],
        messages: [
          {
            kind: "signal",
            workflowId,
            payload: {
              signal: "extended",
              args: [{ endsAtMs: after.endsAtS * 1000, blockNumber: event.blockNumber }],
            },
          },
        ],
      };
    }
    case "AuctionEnded":
      return {
        events: [
          tell(
            "auction-ended",
            ["public", host, ...(after.winner === null ? [] : [`wallet:${after.winner}`])],
            {
              winner: after.winner === null ? null : checksummed(after.winner),
              amountWei: after.winner === null ? null : after.highBidWei,
            },
          ),
        ],
        messages: [],
      };
    case "AuctionCancelled":
      // Its process is told once the cancellation is deep enough: see apply.ts.
      return { events: [tell("auction-cancelled", ["public", host], {})], messages: [] };
    default:
      return NOTHING;
  }
}

/** What a reorg undoes, as the auction's process knows it. */
function undoneOf(
  before: AuctionProjection,
  after: AuctionProjection | undefined,
): ("end" | "mint")[] {
  const undone: ("end" | "mint")[] = [];
  if (before.steps.ended !== undefined && after?.steps.ended === undefined) undone.push("end");
  if (before.steps.minted !== undefined && after?.steps.minted === undefined) undone.push("mint");
  return undone;
}

/**
 * What a reorg means: `after` is the projection of what is left, undefined when the auction is gone with its creation.
 * Blocks up to `confirmedUpTo` are deep enough below the ancestor to be acted on.
 */
export function effectsOfReorg(
  before: AuctionProjection,
  after: AuctionProjection | undefined,
  ancestor: number,
  confirmedUpTo: number,
): Effects {
  const facts = after ?? before;
  const cancelledAt = after?.steps.cancelled?.blockNumber;
  // Its process had come to an end, and there is more to do again.
  const reopened = after !== undefined && after.phase === "bidding" && before.phase !== "bidding";
  return {
    events: [
      {
        type: "auction-reverted",
        audience: [`auction:${before.auctionId}`, "public", `wallet:${before.host}`],
        data: {
          auctionId: before.auctionId,
          blockNumber: ancestor,
          phase: after?.phase ?? "gone",
          endsAt: iso(facts.endsAtS),
          highBidWei: after?.highBidWei ?? null,
        },
      },
    ],
    messages: [
      ...(reopened ? [startAgain(after)] : []),
      told(facts, {
        blockNumber: ancestor,
        cancelled: cancelledAt !== undefined && cancelledAt <= confirmedUpTo,
        undone: undoneOf(before, after),
      }),
    ],
  };
}

/** Tells an auction's process what holds now, whatever it was told before. */
export function told(
  auction: AuctionProjection,
  now: {
    readonly blockNumber: number;
    readonly cancelled?: boolean;
    readonly undone: readonly OperationKind[];
  },
): OutboxMessage {
  const message: RevertedMessage = {
    endsAtMs: auction.endsAtS * 1000,
    cancelled: now.cancelled ?? false,
    blockNumber: now.blockNumber,
    undone: now.undone,
  };
  return {
    kind: "signal",
    workflowId: auctionWorkflowId(auction),
    payload: { signal: "reverted", args: [message] },
  };
}

/** Has the auction's process run, also when it has come to its end before; one that runs is left alone. */
export function startAgain(auction: AuctionProjection): OutboxMessage {
  return { ...startOf(auction), again: true };
}

/** An id that was another auction before the reorg, or the same one in another block. */
export function recreated(auction: AuctionProjection, blockNumber: number): OutboxMessage[] {
  return [startAgain(auction), told(auction, { blockNumber, undone: ["end", "mint"] })];
}

/** The host's cancellation is deep enough to be acted on. */
export function cancelled(auction: AuctionProjection): OutboxMessage {
  const blockNumber = auction.steps.cancelled?.blockNumber ?? auction.updatedBlock;
  return {
    kind: "signal",
    workflowId: auctionWorkflowId(auction),
    payload: { signal: "cancelled", args: [{ blockNumber }] },
  };
}

function startOf({ chainId, contract, auctionId, host, endsAtS }: AuctionProjection): StartMessage {
  return {
    kind: "start-auction",
    workflowId: auctionWorkflowId({ chainId, contract, auctionId }),
    payload: { chainId, contract, auctionId, host, endsAtMs: endsAtS * 1000 },
  };
}
