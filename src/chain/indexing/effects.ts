import { getAddress } from "ethers";
import type { NewEvent } from "../../db/events.ts";
import type { OutboxMessage } from "../../db/outbox.ts";
import { auctionWorkflowId } from "../../domain/process.ts";
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
  const { chainId, contract, auctionId } = after;
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
            host: getAddress(after.host),
            endsAt: iso(after.endsAtS),
            reservePriceWei: after.reservePriceWei,
          }),
        ],
        messages: [
          {
            kind: "start-auction",
            workflowId,
            payload: {
              chainId,
              contract,
              auctionId,
              host: after.host,
              endsAtMs: after.endsAtS * 1000,
            },
          },
        ],
      };
    case "BidPlaced": {
      const outbid = before?.highBidder ?? null;
      const bid = tell("bid-placed", [host, ...(outbid === null ? [] : [`wallet:${outbid}`])], {
        bidder: getAddress(after.highBidder ?? ZERO_ADDRESS),
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
              winner: after.winner === null ? null : getAddress(after.winner),
              amountWei: after.winner === null ? null : after.highBidWei,
            },
          ),
        ],
        messages: [],
      };
    case "AuctionCancelled":
      return {
        events: [tell("auction-cancelled", ["public", host], {})],
        messages: [
          {
            kind: "signal",
            workflowId,
            payload: { signal: "cancelled", args: [{ blockNumber: event.blockNumber }] },
          },
        ],
      };
    default:
      return NOTHING;
  }
}

/** What a reorg means: `after` is the projection of what is left, undefined when the auction is gone with its creation. */
export function effectsOfReorg(
  before: AuctionProjection,
  after: AuctionProjection | undefined,
  ancestor: number,
  cause: string,
): Effects {
  const facts = after ?? before;
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
        cause: `${cause}:${before.auctionId}`,
      },
    ],
    messages: [restated(facts, ancestor, after?.phase === "cancelled")],
  };
}

/** Tells an auction's process what holds now, whatever it was told before. */
export function restated(
  auction: AuctionProjection,
  blockNumber: number,
  cancelled = false,
): OutboxMessage {
  const message = { endsAtMs: auction.endsAtS * 1000, cancelled, blockNumber };
  return {
    kind: "signal",
    workflowId: auctionWorkflowId(auction),
    payload: { signal: "reverted", args: [message] },
  };
}
