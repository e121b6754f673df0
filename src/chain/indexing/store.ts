import { first, type Queryable } from "../../db/database.ts";
import type { Block } from "../types.ts";
import type { ChainEvent } from "./decode.ts";
import { applyEvent, type AuctionProjection } from "./projection.ts";

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

/** Remembers the block's hash for reorg detection and forgets those deeper than the window. */
export async function insertBlock(
  tx: Queryable,
  chainId: number,
  block: Block,
  windowBlocks: number,
): Promise<void> {
  await tx.query(
    "INSERT INTO chain_blocks (chain_id, number, hash, parent_hash, timestamp_s) VALUES ($1, $2, $3, $4, $5)",
    [chainId, block.number, block.hash, block.parentHash, block.timestampS],
  );
  await tx.query("DELETE FROM chain_blocks WHERE chain_id = $1 AND number < $2", [
    chainId,
    block.number - windowBlocks,
  ]);
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

/** Stores the logs as canonical and returns, by logKey, how often each has become canonical so far. */
export async function insertLogs(
  tx: Queryable,
  chainId: number,
  events: readonly ChainEvent[],
): Promise<ReadonlyMap<string, number>> {
  if (events.length === 0) return new Map();
  // A block that was dropped by a reorg may become canonical again: its logs are then the same rows.
  const rows = await tx.query<{ blockHash: string; logIndex: number; sightings: number }>(
    `INSERT INTO chain_logs (chain_id, block_hash, log_index, block_number, block_timestamp_s, transaction_hash, address, auction_id, event, args)
     SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::numeric[], $9::text[], $10::jsonb[])
     ON CONFLICT (chain_id, block_hash, log_index) DO UPDATE SET
       sightings = chain_logs.sightings + (NOT chain_logs.canonical)::int, canonical = true
     RETURNING block_hash AS "blockHash", log_index AS "logIndex", sightings`,
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

/** Whether a reorg has ever dropped the creation of an auction with this id. */
export async function wasDropped(
  db: Queryable,
  chainId: number,
  auctionId: string,
): Promise<boolean> {
  const rows = await db.query(
    "SELECT FROM chain_logs WHERE chain_id = $1 AND auction_id = $2 AND event = 'AuctionCreated' AND NOT canonical LIMIT 1",
    [chainId, auctionId],
  );
  return rows.length > 0;
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

const COLUMNS = `chain_id AS "chainId", contract, auction_id AS "auctionId", host, salt, phase,
  extract(epoch FROM starts_at)::bigint AS "startsAtS", extract(epoch FROM ends_at)::bigint AS "endsAtS",
  extract(epoch FROM original_ends_at)::bigint AS "originalEndsAtS", extract(epoch FROM meeting_starts_at)::bigint AS "meetingStartsAtS",
  meeting_duration_s AS "meetingDurationS", reserve_price_wei AS "reservePriceWei", min_increment_wei AS "minIncrementWei",
  fee_bps AS "feeBps", transferable, high_bidder AS "highBidder", high_bid_wei AS "highBidWei", bid_count AS "bidCount",
  winner, pass_owner AS "passOwner", last_pass_owner AS "lastPassOwner", outcome, host_paid_wei AS "hostPaidWei", refund_wei AS "refundWei", steps, updated_block AS "updatedBlock"`;

export async function loadAuction(
  db: Queryable,
  chainId: number,
  contract: string,
  auctionId: string,
): Promise<AuctionProjection | undefined> {
  return first<AuctionProjection>(
    db,
    `SELECT ${COLUMNS} FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3`,
    [chainId, contract, auctionId],
  );
}

export async function loadAuctions(
  db: Queryable,
  chainId: number,
  contract: string,
  auctionIds: readonly string[],
): Promise<AuctionProjection[]> {
  return db.query<AuctionProjection>(
    `SELECT ${COLUMNS} FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = ANY($3::numeric[])`,
    [chainId, contract, auctionIds],
  );
}

export async function saveAuction(tx: Queryable, auction: AuctionProjection): Promise<void> {
  await tx.query(
    `INSERT INTO auctions (chain_id, contract, auction_id, host, salt, phase, starts_at, ends_at, original_ends_at, meeting_starts_at, meeting_duration_s,
       reserve_price_wei, min_increment_wei, fee_bps, transferable, high_bidder, high_bid_wei, bid_count, winner, pass_owner, outcome, host_paid_wei,
       refund_wei, steps, updated_block, last_pass_owner)
     VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7), to_timestamp($8), to_timestamp($9), to_timestamp($10), $11, $12, $13, $14, $15, $16, $17, $18, $19,
       $20, $21, $22, $23, $24, $25, $26)
     ON CONFLICT (chain_id, contract, auction_id) DO UPDATE SET
       host = excluded.host, salt = excluded.salt, phase = excluded.phase, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
       original_ends_at = excluded.original_ends_at, meeting_starts_at = excluded.meeting_starts_at, meeting_duration_s = excluded.meeting_duration_s,
       reserve_price_wei = excluded.reserve_price_wei, min_increment_wei = excluded.min_increment_wei, fee_bps = excluded.fee_bps,
       transferable = excluded.transferable, high_bidder = excluded.high_bidder, high_bid_wei = excluded.high_bid_wei, bid_count = excluded.bid_count,
       winner = excluded.winner, pass_owner = excluded.pass_owner, last_pass_owner = excluded.last_pass_owner, outcome = excluded.outcome, host_paid_wei = excluded.host_paid_wei,
       refund_wei = excluded.refund_wei, steps = excluded.steps, updated_block = excluded.updated_block, version = auctions.version + 1`,
    [
      auction.chainId,
      auction.contract,
      auction.auctionId,
      auction.host,
      auction.salt,
      auction.phase,
      auction.startsAtS,
      auction.endsAtS,
      auction.originalEndsAtS,
      auction.meetingStartsAtS,
      auction.meetingDurationS,
      auction.reservePriceWei,
      auction.minIncrementWei,
      auction.feeBps,
      auction.transferable,
      auction.highBidder,
      auction.highBidWei,
      auction.bidCount,
      auction.winner,
      auction.passOwner,
      auction.outcome,
      auction.hostPaidWei,
      auction.refundWei,
      JSON.stringify(auction.steps),
      auction.updatedBlock,
      auction.lastPassOwner,
    ],
  );
}

interface LogRow {
  readonly name: string;
  readonly auctionId: string;
  readonly args: Record<string, string | boolean>;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly blockTimestampS: number;
  readonly transactionHash: string;
  readonly logIndex: number;
  readonly address: string;
}

/** The projection that the canonical logs give, or undefined when none are left. */
export async function replayAuction(
  db: Queryable,
  chainId: number,
  contract: string,
  auctionId: string,
): Promise<AuctionProjection | undefined> {
  const rows = await db.query<LogRow>(
    `SELECT event AS name, auction_id AS "auctionId", args, block_number AS "blockNumber", block_hash AS "blockHash", block_timestamp_s AS "blockTimestampS",
       transaction_hash AS "transactionHash", log_index AS "logIndex", address
     FROM chain_logs WHERE chain_id = $1 AND auction_id = $2 AND canonical ORDER BY block_number, log_index`,
    [chainId, auctionId],
  );
  let state: AuctionProjection | undefined;
  for (const row of rows) state = applyEvent(chainId, contract, state, row);
  return state;
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
  await tx.query("DELETE FROM bids WHERE chain_id = $1 AND block_number > $2", [chainId, ancestor]);
  await tx.query("DELETE FROM chain_blocks WHERE chain_id = $1 AND number > $2", [
    chainId,
    ancestor,
  ]);
  return rows.map((row) => row.auctionId).filter((id) => id !== null);
}

export async function deleteAuction(
  tx: Queryable,
  chainId: number,
  contract: string,
  auctionId: string,
): Promise<void> {
  await tx.query("DELETE FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3", [
    chainId,
    contract,
    auctionId,
  ]);
}
