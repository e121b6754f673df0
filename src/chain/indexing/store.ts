import { first, type Queryable } from "../../db/database.ts";
import type { Block } from "../types.ts";
import type { ChainEvent, UnreadLog } from "./decode.ts";

/** The indexer's one stream: the auction contract and its passes. */
export const STREAM = "auctions";

export interface Cursor {
  readonly genesisHash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly state: "live" | "halted";
  readonly reason: string | null;
}

export async function readCursor(db: Queryable, chainId: number): Promise<Cursor | undefined> {
  return first<Cursor>(
    db,
    `SELECT genesis_hash AS "genesisHash", block_number AS "blockNumber", block_hash AS "blockHash", state, reason
     FROM chain_cursors WHERE chain_id = $1 AND stream = $2`,
    [chainId, STREAM],
  );
}

export async function createCursor(
  db: Queryable,
  chainId: number,
  genesisHash: string,
  block: { readonly number: number; readonly hash: string },
): Promise<void> {
  await db.query(
    "INSERT INTO chain_cursors (chain_id, stream, genesis_hash, block_number, block_hash) VALUES ($1, $2, $3, $4, $5)",
    [chainId, STREAM, genesisHash, block.number, block.hash],
  );
}

export async function moveCursor(
  tx: Queryable,
  chainId: number,
  block: { readonly number: number; readonly hash: string },
): Promise<void> {
  await tx.query(
    "UPDATE chain_cursors SET block_number = $3, block_hash = $4, updated_at = now() WHERE chain_id = $1 AND stream = $2",
    [chainId, STREAM, block.number, block.hash],
  );
}

export async function haltCursor(db: Queryable, chainId: number, reason: string): Promise<void> {
  await db.query(
    "UPDATE chain_cursors SET state = 'halted', reason = $3, updated_at = now() WHERE chain_id = $1 AND stream = $2",
    [chainId, STREAM, reason],
  );
}

/** A halted stream goes on. */
export async function resumeCursor(db: Queryable, chainId: number): Promise<void> {
  await db.query(
    "UPDATE chain_cursors SET state = 'live', reason = NULL, updated_at = now() WHERE chain_id = $1 AND stream = $2",
    [chainId, STREAM],
  );
}

/** Notes, before a stream is forgotten, how far it had come: until it is there again it tells of the past. */
export async function markRebuilding(tx: Queryable, chainId: number): Promise<void> {
  await tx.query(
    `INSERT INTO chain_rebuilds (chain_id, genesis_hash, until_block) SELECT chain_id, genesis_hash, block_number FROM chain_cursors WHERE chain_id = $1 AND stream = $2
     ON CONFLICT (chain_id) DO UPDATE SET genesis_hash = excluded.genesis_hash, until_block =
       CASE WHEN chain_rebuilds.genesis_hash = excluded.genesis_hash THEN greatest(chain_rebuilds.until_block, excluded.until_block) ELSE excluded.until_block END`,
    [chainId, STREAM],
  );
}

/** Whether the projections are being built again and have not come as far as they were. */
export async function isRebuilding(db: Queryable, chainId: number): Promise<boolean> {
  // Another genesis is another chain (of a developer, begun anew), which may never be that long.
  const rows = await db.query(
    `SELECT FROM chain_rebuilds r LEFT JOIN chain_cursors c ON c.chain_id = r.chain_id AND c.stream = $2
     WHERE r.chain_id = $1 AND (c.chain_id IS NULL OR (c.genesis_hash = r.genesis_hash AND c.block_number < r.until_block))`,
    [chainId, STREAM],
  );
  return rows.length > 0;
}

/** Remembers the blocks' hashes for reorg detection. A block that was dropped before is back. */
export async function insertBlocks(
  tx: Queryable,
  chainId: number,
  blocks: readonly Block[],
): Promise<void> {
  await tx.query(
    `INSERT INTO chain_blocks (chain_id, number, hash, parent_hash, timestamp_s)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])`,
    [
      chainId,
      blocks.map((one) => one.number),
      blocks.map((one) => one.hash),
      blocks.map((one) => one.parentHash),
      blocks.map((one) => one.timestampS),
    ],
  );
  await tx.query(
    "DELETE FROM chain_dropped_blocks WHERE chain_id = $1 AND hash = ANY($2::text[])",
    [chainId, blocks.map((one) => one.hash)],
  );
}

/** Forgets the blocks that are deeper than the window. */
export async function forgetBlocks(tx: Queryable, chainId: number, below: number): Promise<void> {
  for (const table of ["chain_blocks", "chain_dropped_blocks"])
    await tx.query(`DELETE FROM ${table} WHERE chain_id = $1 AND number < $2`, [chainId, below]);
}

export async function knownBlocks(
  db: Queryable,
  chainId: number,
): Promise<{ number: number; hash: string }[]> {
  return db.query(
    "SELECT number, hash FROM chain_blocks WHERE chain_id = $1 ORDER BY number DESC",
    [chainId],
  );
}

/** Names a log within its chain. */
export function logKey(log: { readonly blockHash: string; readonly logIndex: number }): string {
  return `${log.blockHash}:${log.logIndex}`;
}

/** Stores the logs as canonical and returns, by logKey, how often each has become canonical so far, unless this is its first time. */
export async function insertLogs(
  tx: Queryable,
  chainId: number,
  events: readonly ChainEvent[],
): Promise<ReadonlyMap<string, number>> {
  if (events.length === 0) return new Map();
  // A block that was dropped by a reorg may become canonical again: its logs are then the same rows.
  const rows = await tx.query<{ blockHash: string; logIndex: number; sightings: number }>(
    `WITH stored AS (
     INSERT INTO chain_logs (chain_id, block_hash, log_index, block_number, block_timestamp_s, transaction_hash, address, auction_id, event, args)
     SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::numeric[], $9::text[], $10::jsonb[])
     ON CONFLICT (chain_id, block_hash, log_index) DO UPDATE SET
       sightings = chain_logs.sightings + (NOT chain_logs.canonical)::int, canonical = true
     RETURNING block_hash AS "blockHash", log_index AS "logIndex", sightings)
     SELECT * FROM stored WHERE sightings > 1`,
    [
      chainId,
      events.map((one) => one.blockHash),
      events.map((one) => one.logIndex),
      events.map((one) => one.blockNumber),
      events.map((one) => one.blockTimestampS),
      events.map((one) => one.transactionHash),
      events.map((one) => one.address),
      events.map((one) => one.auctionId),
      events.map((one) => one.name),
      events.map((one) => JSON.stringify(one.args)),
    ],
  );
  return new Map(rows.map((row) => [logKey(row), row.sightings]));
}

/** How much of a log's data is kept, in hex digits. */
const KEPT_DATA = 2_048;

/** Keeps logs that make no sense, for people. */
export async function insertUnread(
  tx: Queryable,
  chainId: number,
  unread: readonly UnreadLog[],
): Promise<void> {
  if (unread.length === 0) return;
  const rows = unread.map(({ log, reason }) => ({
    h: log.blockHash,
    i: log.logIndex,
    n: log.blockNumber,
    t: log.transactionHash,
    a: log.address,
    topics: log.topics,
    d: log.data.slice(0, KEPT_DATA),
    r: reason.slice(0, 500),
  }));
  await tx.query(
    `INSERT INTO chain_unread_logs (chain_id, block_hash, log_index, block_number, transaction_hash, address, topics, data, reason)
     SELECT $1, l->>'h', (l->>'i')::int, (l->>'n')::bigint, l->>'t', l->>'a', ARRAY(SELECT jsonb_array_elements_text(l->'topics')), l->>'d', l->>'r'
     FROM jsonb_array_elements($2::jsonb) AS l
     ON CONFLICT DO NOTHING`,
    [chainId, JSON.stringify(rows)],
  );
}

/** Those of the ids under which a reorg has ever dropped the creation of an auction. */
export async function droppedCreations(
  db: Queryable,
  chainId: number,
  auctionIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ auctionId: string }>(
    `SELECT DISTINCT auction_id AS "auctionId" FROM chain_logs
     WHERE chain_id = $1 AND auction_id = ANY($2::numeric[]) AND event = 'AuctionCreated' AND NOT canonical`,
    [chainId, auctionIds],
  );
  return new Set(rows.map((row) => row.auctionId));
}

/** The auctions cancelled in blocks above `above`, up to and with `upTo`. */
export async function cancelledBetween(
  db: Queryable,
  chainId: number,
  above: number,
  upTo: number,
): Promise<string[]> {
  const rows = await db.query<{ auctionId: string }>(
    `SELECT auction_id AS "auctionId" FROM chain_logs
     WHERE chain_id = $1 AND block_number > $2 AND block_number <= $3 AND event = 'AuctionCancelled' AND canonical`,
    [chainId, above, upTo],
  );
  return rows.map((row) => row.auctionId);
}

export async function insertBids(
  tx: Queryable,
  chainId: number,
  contract: string,
  events: readonly ChainEvent[],
): Promise<void> {
  const bids = events.filter((one) => one.name === "BidPlaced");
  if (bids.length === 0) return;
  await tx.query(
    `INSERT INTO bids (chain_id, contract, block_hash, log_index, auction_id, bidder, amount_wei, ends_at, block_number, placed_at, transaction_hash)
     SELECT $1, $2, h, l, a, b, w, to_timestamp(e), n, to_timestamp(p), t
     FROM unnest($3::text[], $4::int[], $5::numeric[], $6::text[], $7::numeric[], $8::bigint[], $9::bigint[], $10::bigint[], $11::text[]) AS x(h, l, a, b, w, e, n, p, t)`,
    [
      chainId,
      contract,
      bids.map((one) => one.blockHash),
      bids.map((one) => one.logIndex),
      bids.map((one) => one.auctionId),
      bids.map((one) => one.args["bidder"]),
      bids.map((one) => one.args["amountWei"]),
      bids.map((one) => one.args["endTime"]),
      bids.map((one) => one.blockNumber),
      bids.map((one) => one.blockTimestampS),
      bids.map((one) => one.transactionHash),
    ],
  );
}

/** Takes everything above `ancestor` out of the canonical record and returns the auctions it concerned. */
export async function rollBack(
  tx: Queryable,
  chainId: number,
  ancestor: number,
): Promise<string[]> {
  const rows = await tx.query<{ auctionId: string | null }>(
    `WITH dropped AS (UPDATE chain_logs SET canonical = false WHERE chain_id = $1 AND block_number > $2 AND canonical RETURNING auction_id)
     SELECT DISTINCT auction_id AS "auctionId" FROM dropped`,
    [chainId, ancestor],
  );
  for (const table of ["bids", "chain_unread_logs"])
    await tx.query(`DELETE FROM ${table} WHERE chain_id = $1 AND block_number > $2`, [
      chainId,
      ancestor,
    ]);
  // Remembered: what somebody read at one of them counts no more.
  await tx.query(
    `WITH dropped AS (DELETE FROM chain_blocks WHERE chain_id = $1 AND number > $2 RETURNING hash, number)
     INSERT INTO chain_dropped_blocks (chain_id, hash, number) SELECT $1, hash, number FROM dropped ON CONFLICT DO NOTHING`,
    [chainId, ancestor],
  );
  return rows.map((row) => row.auctionId).filter((id) => id !== null);
}
