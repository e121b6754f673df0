import { first, type Queryable } from "../../db/database.ts";
import { applyEvent, type AuctionProjection, PROJECTED, unreadable } from "./projection.ts";

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
  lock: "" | "FOR UPDATE" = "",
): Promise<AuctionProjection[]> {
  return db.query<AuctionProjection>(
    `SELECT ${COLUMNS} FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = ANY($3::numeric[]) ORDER BY auction_id ${lock}`,
    [chainId, contract, auctionIds],
  );
}

/** The columns that a projection decides, with how each is read from its JSON. */
const SAVED: readonly (readonly [column: string, value: string])[] = [
  ["chain_id", "(a->>'chainId')::bigint"],
  ["contract", "a->>'contract'"],
  ["auction_id", "(a->>'auctionId')::numeric"],
  ["host", "a->>'host'"],
  ["salt", "a->>'salt'"],
  ["phase", "a->>'phase'"],
  ["starts_at", "to_timestamp((a->>'startsAtS')::bigint)"],
  ["ends_at", "to_timestamp((a->>'endsAtS')::bigint)"],
  ["original_ends_at", "to_timestamp((a->>'originalEndsAtS')::bigint)"],
  ["meeting_starts_at", "to_timestamp((a->>'meetingStartsAtS')::bigint)"],
  ["meeting_duration_s", "(a->>'meetingDurationS')::int"],
  ["reserve_price_wei", "(a->>'reservePriceWei')::numeric"],
  ["min_increment_wei", "(a->>'minIncrementWei')::numeric"],
  ["fee_bps", "(a->>'feeBps')::int"],
  ["transferable", "(a->>'transferable')::boolean"],
  ["high_bidder", "a->>'highBidder'"],
  ["high_bid_wei", "(a->>'highBidWei')::numeric"],
  ["bid_count", "(a->>'bidCount')::int"],
  ["winner", "a->>'winner'"],
  ["pass_owner", "a->>'passOwner'"],
  ["last_pass_owner", "a->>'lastPassOwner'"],
  ["outcome", "(a->>'outcome')::smallint"],
  ["host_paid_wei", "(a->>'hostPaidWei')::numeric"],
  ["refund_wei", "(a->>'refundWei')::numeric"],
  ["steps", "a->'steps'"],
  ["updated_block", "(a->>'updatedBlock')::bigint"],
];
const ADD = `INSERT INTO auctions (${SAVED.map(([column]) => column).join(", ")})
  SELECT ${SAVED.map(([, value]) => value).join(", ")} FROM jsonb_array_elements($1::jsonb) AS a`;
const SAVE = `${ADD}
  ON CONFLICT (chain_id, contract, auction_id) DO UPDATE SET
    ${SAVED.slice(3)
      .map(([column]) => `${column} = excluded.${column}`)
      .join(", ")}, version = auctions.version + 1`;

export async function saveAuctions(
  tx: Queryable,
  auctions: readonly AuctionProjection[],
): Promise<void> {
  if (auctions.length > 0) await tx.query(SAVE, [JSON.stringify(auctions)]);
}

/** Writes an auction that has no row; one that is there is the indexer's, and stays as it is. Tells whether it was written. */
export async function addMissingAuction(
  tx: Queryable,
  auction: AuctionProjection,
): Promise<boolean> {
  const rows = await tx.query(`${ADD} ON CONFLICT DO NOTHING RETURNING auction_id`, [
    JSON.stringify([auction]),
  ]);
  return rows.length > 0;
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
     FROM chain_logs WHERE chain_id = $1 AND auction_id = $2 AND canonical AND event = ANY($3) ORDER BY block_number, log_index`,
    [chainId, auctionId, [...PROJECTED]],
  );
  let state: AuctionProjection | undefined;
  for (const row of rows)
    if (unreadable(state, row) === undefined) state = applyEvent(chainId, contract, state, row);
  return state;
}

/** Writes the bids of an auction that its canonical logs tell of and that have no row. */
export async function insertBidsOf(
  tx: Queryable,
  chainId: number,
  contract: string,
  auctionId: string,
): Promise<void> {
  await tx.query(
    `INSERT INTO bids (chain_id, contract, block_hash, log_index, auction_id, bidder, amount_wei, ends_at, block_number, placed_at, transaction_hash)
     SELECT chain_id, address, block_hash, log_index, auction_id, args->>'bidder', (args->>'amountWei')::numeric, to_timestamp((args->>'endTime')::bigint),
       block_number, to_timestamp(block_timestamp_s), transaction_hash
     FROM chain_logs WHERE chain_id = $1 AND address = $2 AND auction_id = $3 AND event = 'BidPlaced' AND canonical
     ON CONFLICT DO NOTHING`,
    [chainId, contract, auctionId],
  );
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
