import type { Queryable } from "../../db/database.ts";
import { type NewEvent, recordEvents } from "../../db/events.ts";
import { tellListings } from "../../db/listings.ts";
import { liveMeetings } from "../../db/meetings.ts";
import { enqueue, type OutboxMessage } from "../../db/outbox.ts";
import { operationKey } from "../../domain/process.ts";
import type { Block } from "../types.ts";
import { stands, withdrawMeeting, withdrawOrphans } from "./compensation.ts";
import type { ChainEvent, UnreadLog } from "./decode.ts";
import { cancelled, effectsOf, recreated } from "./effects.ts";
import { followPasses, type PassMove } from "./pass-moves.ts";
import { applyEvent, type AuctionProjection, PROJECTED, unreadable } from "./projection.ts";
import { loadAuctions, saveAuctions } from "./auctions.ts";
import * as store from "./store.ts";

/** What one chain's projection is made under. */
export interface Stream {
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  /** A cancellation is acted on from this depth on, as results of transactions are. */
  readonly confirmations: number;
  /** No reorg is expected to reach deeper. */
  readonly finalityDepth: number;
}

/** How many block hashes are kept: reorgs are followed down to there. */
export function windowBlocks({ finalityDepth }: Stream): number {
  return finalityDepth * 2;
}

/** The events after which what a meeting was made for may no longer be so. */
const DECISIVE = new Set(["AuctionCreated", "AuctionEnded", "AuctionCancelled"]);

/**
 * Writes what linked blocks say, all in the caller's transaction: hashes, logs, projections, events of clients, messages to
 * workflows, meetings that lost their sale, and the cursor. `from` is the block before the first one.
 */
export async function applyBlocks(
  tx: Queryable,
  stream: Stream,
  from: number,
  blocks: readonly [Block, ...Block[]],
  events: readonly ChainEvent[],
  undecoded: readonly UnreadLog[] = [],
): Promise<readonly UnreadLog[]> {
  const { chainId } = stream;
  const head = blocks.at(-1) ?? blocks[0];
  await store.insertBlocks(tx, chainId, blocks.slice(-windowBlocks(stream)));
  await store.forgetBlocks(tx, chainId, head.number - windowBlocks(stream));
  const sightings = await store.insertLogs(tx, chainId, events);
  const { moves, skipped } = await project(
    tx,
    stream,
    events.filter((one) => one.auctionId !== null && PROJECTED.has(one.name)),
    sightings,
  );
  const unread = [...undecoded, ...skipped];
  await store.insertUnread(tx, chainId, unread);
  await tellConfirmedCancellations(tx, stream, from, head.number);
  const { finalityDepth } = stream;
  await withdrawOrphans(tx, stream, from - finalityDepth, head.number - finalityDepth);
  await store.moveCursor(tx, chainId, head);
  await followPasses(tx, stream, head.number, moves);
  return unread;
}

interface Projected {
  /** The meetings whose passes the events speak of. */
  readonly moves: readonly PassMove[];
  /** What makes no sense: left out here, and by every rebuild. */
  readonly skipped: readonly UnreadLog[];
}

async function project(
  tx: Queryable,
  stream: Stream,
  events: readonly ChainEvent[],
  sightings: ReadonlyMap<string, number>,
): Promise<Projected> {
  if (events.length === 0) return { moves: [], skipped: [] };
  const { chainId, auctionContract } = stream;
  const ids = [...new Set(events.map((one) => one.auctionId as string))];
  const auctions = new Map<string, AuctionProjection>();
  // Locked: a meeting must not be made of a sale while this takes the sale back.
  for (const auction of await loadAuctions(tx, chainId, auctionContract, ids, "FOR UPDATE"))
    auctions.set(auction.auctionId, auction);
  const owners = new Map([...auctions.values()].map((one) => [one.auctionId, one.passOwner]));
  const meetings = new Map(
    (await liveMeetings(tx, chainId, auctionContract, ids)).map((one) => [one.auctionId, one]),
  );
  const dropped = await store.droppedCreations(tx, chainId, ids);
  const told: NewEvent[] = [];
  const messages: OutboxMessage[] = [];
  const skipped: UnreadLog[] = [];
  const bids: ChainEvent[] = [];
  for (const event of events) {
    const id = event.auctionId as string;
    const before = auctions.get(id);
    const reason = unreadable(before, event);
    if (reason !== undefined) {
      skipped.push({ log: { ...event, topics: [], data: JSON.stringify(event.args) }, reason });
      continue;
    }
    if (event.name === "BidPlaced") bids.push(event);
    const after = applyEvent(chainId, auctionContract, before, event);
    auctions.set(id, after);
    const effects = effectsOf(before, event, after, sightings.get(store.logKey(event)) ?? 1);
    told.push(...effects.events);
    // Ids are a counter: after a reorg the same id can be another auction, and its process may have run to its end.
    messages.push(
      ...(event.name === "AuctionCreated" && dropped.has(id)
        ? recreated(after, event.blockNumber)
        : effects.messages),
    );
    if (before !== undefined && after.endsAtS > before.endsAtS) {
      // An end that already waits for its block must not be sent for the old one.
      await tx.query(
        "UPDATE chain_operations SET not_before_s = $2, updated_at = now() WHERE key = $1 AND state = 'pending' AND not_before_s < $2",
        [operationKey("end", after), after.endsAtS],
      );
    }
    const meeting = meetings.get(id);
    if (meeting !== undefined && DECISIVE.has(event.name) && !stands(meeting, after)) {
      meetings.delete(id);
      const compensation = await withdrawMeeting(tx, meeting, after, event.blockNumber);
      told.push(...compensation.events);
      messages.push(...compensation.messages);
    }
  }
  await recordEvents(tx, told);
  await enqueue(tx, messages);
  await saveAuctions(tx, [...auctions.values()]);
  const created = events.filter(({ name }) => name === "AuctionCreated");
  await tellListings(
    tx,
    { chainId, contract: auctionContract },
    created.map(({ auctionId }) => auctionId as string),
  );
  await store.insertBids(tx, chainId, auctionContract, bids);
  const moves: PassMove[] = [];
  for (const [id, meeting] of meetings) {
    const transfer = events.findLast((one) => one.auctionId === id && one.name === "Transfer");
    if (transfer === undefined) continue;
    const { blockNumber, blockHash, logIndex } = transfer;
    const cause = `pass:${chainId}:${blockHash}:${logIndex}:${sightings.get(store.logKey(transfer)) ?? 1}`;
    moves.push({ meeting, from: owners.get(id) ?? null, blockNumber, cause });
  }
  return { moves, skipped };
}

/** Cancellations that have just become deep enough to be acted on. One that a reorg takes back before is never told. */
async function tellConfirmedCancellations(
  tx: Queryable,
  { chainId, auctionContract, confirmations }: Stream,
  from: number,
  to: number,
): Promise<void> {
  const above = confirmations - 1;
  const ids = await store.cancelledBetween(tx, chainId, from - above, to - above);
  const auctions = await loadAuctions(tx, chainId, auctionContract, ids);
  await enqueue(tx, auctions.map(cancelled));
}
