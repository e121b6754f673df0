// What operators are told although no process fails.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { Database } from "../src/db/database.ts";
import { readVitals } from "../src/db/vitals.ts";
import { checkLate } from "../src/ops/checks/processes.ts";
import type { Sight } from "../src/ops/sight.ts";
import { createVitalMetrics } from "../src/vital-metrics.ts";
import { createTestDatabase, type TestDatabase } from "./support/stack.ts";

const CONTRACT = `0x${"c0".repeat(20)}`;
const HOST = `0x${"aa".repeat(20)}`;
const ZERO = `0x${"0".repeat(64)}`;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "test" });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

async function auction(id: number, phase: string, endsInS: number): Promise<void> {
  await db.query(
    `INSERT INTO auctions (chain_id, contract, auction_id, host, salt, phase, starts_at, ends_at, original_ends_at, meeting_starts_at,
       meeting_duration_s, reserve_price_wei, min_increment_wei, fee_bps, transferable, updated_block)
     VALUES (1, $1, $2, $3, $4, $5, now(), now() + make_interval(secs => $6), now(), now(), 60, 1, 1, 0, false, 1)`,
    [CONTRACT, id, HOST, ZERO, phase, endsInS],
  );
}

async function operation(key: string, dueInS: number, settled: boolean): Promise<void> {
  await db.query(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, workflow_id, settled, not_before_s, created_at)
     VALUES ($1, 'end', 1, $2, 1, 'w', $3, extract(epoch FROM now())::bigint + $4, now() - interval '1 day')`,
    [key, CONTRACT, settled, dueInS],
  );
}

async function metricsOf(source: Database): Promise<{ readonly text: string; errors: number }> {
  const registry = new Registry();
  let errors = 0;
  createVitalMetrics(
    registry,
    () => readVitals(source, 1, CONTRACT),
    () => (errors += 1),
  );
  return { text: await registry.metrics(), errors };
}

const values = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(" "))
      .map(([name, value]) => [name, Math.round(Number(value) / 10) * 10]),
  );

test("what is late, open, waiting or overdue is counted, and how old the oldest is", async () => {
  expect(values((await metricsOf(db)).text)).toEqual({
    auctions_late: 0,
    auction_lateness_max_seconds: 0,
    operations_open: 0,
    operation_age_max_seconds: 0,
    outbox_waiting: 0,
    outbox_age_max_seconds: 0,
    meetings_overdue: 0,
    meeting_lateness_max_seconds: 0,
    index_halted: 0,
  });
  for (let id = 1; id <= 20; id += 1) await auction(id, "bidding", -100 * id);
  await auction(21, "bidding", 1_000);
  await auction(22, "sold", -9_000);
  for (let id = 1; id <= 10; id += 1) await operation(`due:${id}`, -30 * id, false);
  await operation("later", 500, false);
  await operation("done", -9_000, true);
  await db.query(
    `INSERT INTO outbox (workflow_id, kind, payload, created_at, delivered_at)
     SELECT 'w', 'signal', '{}', now() - interval '500 seconds', CASE WHEN n > 10 THEN now() END FROM generate_series(1, 15) n`,
  );
  await db.query(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at, state)
     SELECT 1, $1, n, $2, $2, 'room' || n, now(), now() - interval '1 minute', now(), CASE WHEN n > 10 THEN 'closed' ELSE 'open' END
     FROM generate_series(1, 13) n`,
    [CONTRACT, HOST],
  );
  expect(values((await metricsOf(db)).text)).toEqual({
    auctions_late: 20,
    auction_lateness_max_seconds: 2_000,
    operations_open: 10,
    operation_age_max_seconds: 300,
    outbox_waiting: 10,
    outbox_age_max_seconds: 500,
    meetings_overdue: 10,
    meeting_lateness_max_seconds: 60,
    index_halted: 0,
  });
});

test("a meeting whose outcome is under review is not overdue, nor late for the doctor, until the review is over", async () => {
  const late = async (): Promise<[number | undefined, string[]]> => [
    values((await metricsOf(db)).text)["meeting_lateness_max_seconds"],
    (await checkLate({ db } as Sight, 1)).flatMap(({ code, what }) =>
      code === "meeting-late" && what.includes(id) ? [code] : [],
    ),
  ];
  await db.query("UPDATE meetings SET state = 'closed'");
  const [row] = await db.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at, state, closed_at)
     VALUES (1, $1, 99, $2, $2, 'reviewed', now(), now() - interval '5000 seconds', now(), 'closing', now() - interval '5000 seconds') RETURNING id`,
    [CONTRACT, HOST],
  );
  const id = row?.id ?? "";
  const review = (dueInS: number) =>
    db.query(
      `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, workflow_id, not_before_s)
       VALUES ('settle', 'settle', 1, $1, 99, 'w', extract(epoch FROM now())::bigint + $2)
       ON CONFLICT (key) DO UPDATE SET not_before_s = excluded.not_before_s`,
      [CONTRACT, dueInS],
    );
  await review(86_400);
  expect(await late()).toEqual([0, []]);
  await review(-2_000);
  expect(await late()).toEqual([2_000, ["meeting-late"]]);
});

test("a halted index is told of by whoever reads the database, not by whoever found it so", async () => {
  await db.query(
    "INSERT INTO chain_cursors (chain_id, stream, genesis_hash, block_number, block_hash, state) VALUES (1, 'auctions', $1, 7, $1, 'halted')",
    [ZERO],
  );
  expect((await metricsOf(db)).text).toMatch(/^index_halted 1$/m);
  await db.query("UPDATE chain_cursors SET state = 'live'");
  expect((await metricsOf(db)).text).toMatch(/^index_halted 0$/m);
});

test("while the database cannot be read there are no figures, and one complaint for all of them", async () => {
  const gone = new Database({
    url: "postgres://nobody@127.0.0.1:1/none",
    applicationName: "test",
    onError: () => undefined,
  });
  const { text, errors } = await metricsOf(gone);
  expect([values(text), errors]).toEqual([{}, 1]);
  await gone.close();
});
