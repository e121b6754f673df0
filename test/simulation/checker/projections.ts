import { NOBODY } from "./abi.ts";
import type { CanonicalChain, CanonicalLog } from "./canonical.ts";
import type { Row } from "./sources.ts";
import type { Findings } from "./violations.ts";

type Query = (sql: string, ...values: unknown[]) => Promise<Row[]>;

const keyOf = (hash: unknown, index: unknown): string => `${String(hash)}:${String(index)}`;

/** Every projection equals what the canonical logs give. */
export async function checkProjections(
  query: Query,
  chain: CanonicalChain,
  findings: Findings,
): Promise<void> {
  await checkCursor(query, chain, findings);
  await checkLogs(query, chain, findings);
  await checkBids(query, chain, findings);
  await checkAuctions(query, chain, findings);
}

async function checkCursor(query: Query, chain: CanonicalChain, findings: Findings): Promise<void> {
  const [cursor] = await query("SELECT block_number, block_hash, state, reason FROM chain_cursors");
  const same = (field: string, actual: unknown, expected: unknown): void =>
    findings.same("projection", "chain_cursors", field, actual, expected);
  same("state", cursor?.["state"], "live");
  same("block_number", cursor?.["block_number"], chain.head.number);
  same("block_hash", cursor?.["block_hash"], chain.head.hash);
}

async function checkLogs(query: Query, chain: CanonicalChain, findings: Findings): Promise<void> {
  const names = new Set(chain.logs.map((log) => log.name));
  const rows = await query(
    "SELECT block_hash, log_index, event, transaction_hash, auction_id, block_timestamp_s FROM chain_logs WHERE canonical",
  );
  const stored = new Map(rows.map((row) => [keyOf(row["block_hash"], row["log_index"]), row]));
  for (const log of chain.logs) {
    const key = keyOf(log.blockHash, log.logIndex);
    const subject = `chain_logs ${log.name} of auction ${log.auctionId} in block ${log.blockNumber}`;
    const row = stored.get(key);
    stored.delete(key);
    if (row === undefined) {
      findings.add("projection", subject, "is missing");
      continue;
    }
    findings.same("projection", subject, "event", row["event"], log.name);
    findings.same(
      "projection",
      subject,
      "transaction",
      row["transaction_hash"],
      log.transactionHash,
    );
    findings.same("projection", subject, "timestamp", row["block_timestamp_s"], log.timestampS);
  }
  for (const [key, row] of stored)
    if (names.has(String(row["event"])))
      findings.add(
        "projection",
        `chain_logs ${key}`,
        "is canonical in Postgres and not on the chain",
      );
}

async function checkBids(query: Query, chain: CanonicalChain, findings: Findings): Promise<void> {
  const rows = await query(
    "SELECT block_hash, log_index, auction_id, bidder, amount_wei, extract(epoch FROM ends_at)::bigint AS ends_at_s FROM bids",
  );
  const stored = new Map(rows.map((row) => [keyOf(row["block_hash"], row["log_index"]), row]));
  for (const log of chain.logs.filter(({ name }) => name === "BidPlaced")) {
    const key = keyOf(log.blockHash, log.logIndex);
    const row = stored.get(key);
    stored.delete(key);
    const subject = `bid ${key} on auction ${log.auctionId}`;
    const same = (field: string, actual: unknown, expected: unknown): void =>
      findings.same("projection", subject, field, actual, expected);
    same("auction_id", row?.["auction_id"], log.auctionId);
    same("bidder", row?.["bidder"], log.args["bidder"]);
    same("amount_wei", row?.["amount_wei"], log.args["amountWei"]);
    same("ends_at", row?.["ends_at_s"], log.args["endTime"]);
  }
  for (const key of stored.keys())
    findings.add("projection", `bid ${key}`, "is in Postgres and not on the chain");
}

/** What the columns of `auctions` should be. */
function expectedAuction(logs: readonly CanonicalLog[]): Record<string, unknown> {
  const find = (name: string): CanonicalLog | undefined =>
    logs.findLast((log) => log.name === name);
  const created = find("AuctionCreated")?.args;
  const bid = find("BidPlaced")?.args;
  const ended = find("AuctionEnded");
  const settled = find("MeetingSettled");
  const transfer = find("Transfer")?.args;
  const owners = logs
    .filter(({ name, args }) => name === "Transfer" && args["to"] !== NOBODY)
    .map(({ args }) => args["to"]);
  const winner = ended?.args["winner"] === NOBODY ? null : (ended?.args["winner"] ?? null);
  const phase =
    settled !== undefined
      ? "closed"
      : find("AuctionCancelled") !== undefined
        ? "cancelled"
        : ended === undefined
          ? "bidding"
          : winner === null
            ? "unsold"
            : "sold";
  return {
    host: created?.["host"],
    salt: created?.["salt"],
    phase,
    starts_at_s: created?.["startTime"],
    ends_at_s: bid?.["endTime"] ?? created?.["endTime"],
    original_ends_at_s: created?.["endTime"],
    meeting_starts_at_s: created?.["meetingStart"],
    meeting_duration_s: created?.["meetingDurationS"],
    reserve_price_wei: created?.["reservePriceWei"],
    min_increment_wei: created?.["minIncrementWei"],
    fee_bps: created?.["feeBps"],
    transferable: created?.["transferable"],
    high_bidder: bid?.["bidder"] ?? null,
    high_bid_wei: bid?.["amountWei"] ?? null,
    bid_count: logs.filter(({ name }) => name === "BidPlaced").length,
    winner,
    pass_owner: transfer === undefined || transfer["to"] === NOBODY ? null : transfer["to"],
    last_pass_owner: owners.at(-1) ?? null,
    outcome: settled?.args["outcome"] ?? null,
    host_paid_wei: settled?.args["hostWei"] ?? null,
    refund_wei: settled?.args["refundWei"] ?? null,
    created_in: find("AuctionCreated")?.transactionHash,
    ended_in: ended?.transactionHash ?? null,
    settled_in: settled?.transactionHash ?? null,
  };
}

async function checkAuctions(
  query: Query,
  chain: CanonicalChain,
  findings: Findings,
): Promise<void> {
  const rows = await query(
    `SELECT *, extract(epoch FROM starts_at)::bigint AS starts_at_s, extract(epoch FROM ends_at)::bigint AS ends_at_s,
       extract(epoch FROM original_ends_at)::bigint AS original_ends_at_s, extract(epoch FROM meeting_starts_at)::bigint AS meeting_starts_at_s,
       steps->'created'->>'transactionHash' AS created_in, steps->'ended'->>'transactionHash' AS ended_in,
       steps->'settled'->>'transactionHash' AS settled_in
     FROM auctions`,
  );
  const stored = new Map(rows.map((row) => [String(row["auction_id"]), row]));
  for (const [id, logs] of Map.groupBy(chain.logs, (log) => log.auctionId)) {
    const row = stored.get(id);
    // Anybody can make the contract say of an id that there is no such auction.
    if (!logs.some((log) => log.name === "AuctionCreated")) continue;
    stored.delete(id);
    if (row === undefined) findings.add("projection", `auction ${id}`, "is missing in Postgres");
    else
      for (const [column, value] of Object.entries(expectedAuction(logs)))
        findings.same("projection", `auction ${id}`, column, row[column], value);
  }
  for (const id of stored.keys())
    findings.add("projection", `auction ${id}`, "is in Postgres and not on the chain");
}
