import { highWaterMark } from "../../activities/repairs/marks.ts";
import { isRebuilding, readCursor } from "../../chain/indexing/store.ts";
import { clockMs, first } from "../../db/database.ts";
import { pendingMigrations } from "../../db/migrate.ts";
import { type Finding, note, problem } from "../finding.ts";
import type { Sight } from "../sight.ts";
import type { ChainSight } from "./chain.ts";

/** Blocks, and seconds without progress, that are no news. */
const LAG_BLOCKS = 10;
const LAG_S = 30;
const OUTBOX_S = 60;

/** Whether the database answers and has the schema. @throws what the driver throws when it does not answer */
export async function checkSchema({ db, config }: Sight): Promise<Finding[]> {
  await db.query("SELECT 1");
  const missing = await pendingMigrations(config.DATABASE_URL);
  if (missing.length === 0) return [];
  return [
    problem(
      "database-not-migrated",
      `the schema of the database lacks ${missing.join(", ")}`,
      "npm run migrate",
    ),
  ];
}

/** A difference of clocks, in seconds, that begins to matter: meetings are judged and tokens expire by them. */
const CLOCKS_APART_S = 5;

/** Whether this machine's clock is that of the database. */
export async function checkClocks({ db }: Sight): Promise<Finding[]> {
  const beforeMs = Date.now();
  const theirsMs = await clockMs(db);
  // The answer was made somewhere between asking and hearing it.
  const offS = Math.round(Math.max(beforeMs - theirsMs, theirsMs - Date.now(), 0) / 1_000);
  if (offS < CLOCKS_APART_S) return [];
  return [
    problem(
      "clocks-differ",
      `the clock of this machine and that of the database are ${offS} s apart`,
      "let both follow the same time servers (chrony, systemd-timesyncd), and the machines of the workers too",
    ),
  ];
}

/** Logs of the contracts that made no sense and were left out. */
export async function checkUnreadLogs({ db }: Sight, { chainId }: ChainSight): Promise<Finding[]> {
  const [row] = await db.query<{ count: number; last: string | null }>(
    `SELECT (SELECT count(*)::int FROM chain_unread_logs WHERE chain_id = $1) AS count,
       (SELECT reason || ' (transaction ' || transaction_hash || ')' FROM chain_unread_logs WHERE chain_id = $1 ORDER BY block_number DESC LIMIT 1) AS last`,
    [chainId],
  );
  if (row === undefined || row.count === 0) return [];
  return [
    note(
      "unread-logs",
      `${row.count} logs of the contracts made no sense and were left out, the last: ${row.last ?? ""}`,
      "see the table chain_unread_logs; nothing is to be done unless an auction that people know is among them",
    ),
  ];
}

/** How far the indexer is behind the chain. */
export async function checkIndexer({ db }: Sight, chain: ChainSight): Promise<Finding[]> {
  const known = await db.query<{ chainId: number }>(
    `SELECT DISTINCT chain_id AS "chainId" FROM chain_cursors`,
  );
  const others = known.map((one) => one.chainId).filter((id) => id !== chain.chainId);
  if (others.length > 0)
    return [
      problem(
        "wrong-chain",
        `the database holds chain ${others.join(", ")}, and the RPC endpoint serves chain ${chain.chainId}`,
        "set ETH_HTTP_ENDPOINT to an endpoint of that chain, or DATABASE_URL to another database",
      ),
    ];
  const cursor = await readCursor(db, chain.chainId);
  if (cursor === undefined)
    return [
      problem(
        "indexer-behind",
        "nothing is indexed yet",
        "a running chain worker begins by itself: see whether there is one",
      ),
    ];
  if (cursor.state === "halted")
    return [
      problem(
        "indexer-halted",
        `the indexer has halted: ${cursor.reason ?? "no reason given"}`,
        "make sure that the endpoints serve the right chain, then npm run reindex",
      ),
    ];
  const findings: Finding[] = [];
  const stale = await first<{ staleS: number }>(
    db,
    `SELECT extract(epoch FROM now() - updated_at)::int AS "staleS" FROM chain_cursors WHERE chain_id = $1`,
    [chain.chainId],
  );
  const behind = chain.head.number - cursor.blockNumber;
  if (behind > LAG_BLOCKS && (stale?.staleS ?? 0) > LAG_S)
    findings.push(
      problem(
        "indexer-behind",
        `the indexer is ${behind} blocks behind and has not moved for ${stale?.staleS} s`,
        "see whether a chain worker runs, and what its log says",
      ),
    );
  if (await isRebuilding(db, chain.chainId))
    findings.push(
      note(
        "projections-rebuilding",
        "the projections are being built again: until they are as far as they were, no meeting is settled",
        "wait",
      ),
    );
  return findings;
}

/** Messages to processes that wait. */
export async function checkOutbox({ db }: Sight): Promise<Finding[]> {
  const waiting = await first<{ count: number; oldestS: number; error: string | null }>(
    db,
    `SELECT count(*)::int AS count, coalesce(extract(epoch FROM now() - min(created_at)), 0)::int AS "oldestS",
       (array_agg('message ' || id || ' to ' || workflow_id || ': ' || last_error ORDER BY id) FILTER (WHERE last_error IS NOT NULL))[1] AS error
     FROM outbox WHERE delivered_at IS NULL AND created_at < now() - make_interval(secs => $1)`,
    [OUTBOX_S],
  );
  if (waiting === undefined || waiting.count === 0) return [];
  const why = waiting.error === null ? "nobody has tried" : `the first says ${waiting.error}`;
  return [
    problem(
      "outbox-stuck",
      `${waiting.count} messages to processes wait, the oldest for ${waiting.oldestS} s; ${why}`,
      "see whether a worker runs and Temporal answers; a message that can never be delivered is dropped with npm run ops -- drop-message <id>",
    ),
  ];
}

/** Whether the database knows less than it did: it was restored from a backup, or is another one. */
export async function checkWentBack(sight: Sight): Promise<Finding[]> {
  const [row, mark] = await Promise.all([
    first<{ seq: number }>(sight.db, "SELECT last_seq AS seq FROM event_sequence"),
    highWaterMark(sight.client),
  ]);
  const seq = row?.seq ?? 0;
  if (seq >= mark) return [];
  return [
    problem(
      "database-went-back",
      seq === 0
        ? `the database is empty, and reconcile has seen ${mark} realtime events in it`
        : `the database knows ${seq} realtime events, and reconcile has seen ${mark}: it was restored from a backup`,
      "let a chain worker index up to the head and reconcile run, then npm run ops -- after-restore",
    ),
  ];
}
