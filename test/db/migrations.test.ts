// Migrations run from an empty database and from one that an earlier version has filled.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { findGatePass } from "../../src/db/access.ts";
import { Database } from "../../src/db/database.ts";
import { recordEvents } from "../../src/db/events.ts";
import { pendingMigrations } from "../../src/db/migrate.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

const FIRST = "Migration20261122000000_initial";
const CONTRACT = `0x${"c0".repeat(20)}`;
const WALLET = `0x${"aa".repeat(20)}`;
const hash = (digit: string): string => `0x${digit.repeat(64)}`;

let database: TestDatabase;
let db: Database;
beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  db = new Database({ url: database.url, applicationName: "test" });
});
afterEach(async () => {
  await db.close();
  await database.drop();
});

/** Runs the migrations up to one, or all, and returns the names of those that ran. */
async function migrate(to: readonly string[] = []): Promise<string[]> {
  const script = join(repositoryRoot, "test/db/migrate-to.ts");
  // jest's own options are not for this process.
  const env = { ...process.env, NODE_OPTIONS: "" };
  const run = await promisify(execFile)(process.execPath, [script, database.url, ...to], { env });
  // MikroORM prints its progress before.
  return JSON.parse(run.stdout.slice(run.stdout.lastIndexOf("\n") + 1)) as string[];
}

/** What a version that knew only the first migration leaves behind in the middle of its work. */
async function fill(): Promise<void> {
  await db.query(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, state, wallet, nonce, workflow_id)
     VALUES ('end:1', 'end', 1, $1, 1, 'mined', $2, 4, 'auction/1'), ('end:2', 'end', 1, $1, 2, 'pending', NULL, NULL, 'auction/2')`,
    [CONTRACT, WALLET],
  );
  for (const [one, replaces, state] of [
    ["1", null, "replaced"],
    ["2", hash("1"), "mined"],
  ] as const)
    await db.query(
      `INSERT INTO chain_transactions (hash, chain_id, wallet, nonce, kind, operation_keys, raw_transaction, gas_limit, max_fee_per_gas_wei,
         max_priority_fee_per_gas_wei, state, replaces, signed_at_block) VALUES ($1, 1, $2, 4, 'end', '{end:1}', '0x02', 1, 1, 1, $3, $4, 7)`,
      [hash(one), WALLET, state, replaces],
    );
  await db.query(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at)
     VALUES (1, $1, 1, $2, $2, 'room', now(), now(), now())`,
    [CONTRACT, WALLET],
  );
  // A person between two questions: a wallet to bind, and a room to enter.
  await db.query("INSERT INTO users (auth_type, identifier) VALUES ('email', 'a@example.org')");
  await db.query(
    `INSERT INTO wallet_challenges (user_id, address, message, expires_at) SELECT id, $1, 'Nonce: 17', now() FROM users`,
    [WALLET],
  );
  await db.query(
    `INSERT INTO lit_gate_passes (nonce, meeting_id, user_id, wallet, claim, expires_at)
     SELECT 'the-nonce', m.id, u.id, $1, '{"v": 1, "nonce": "the-nonce"}', now() + interval '1 minute' FROM meetings m, users u`,
    [WALLET],
  );
  await db.query("INSERT INTO outbox (workflow_id, kind, payload) VALUES ('w', 'signal', '{}')");
  await db.query(
    "INSERT INTO events (type, audience, data) VALUES ('bid-placed', '{public}', '{}')",
  );
}

test("whoever looks what is missing changes nothing, and makes no database that is not there", async () => {
  expect(await pendingMigrations(database.url)).toContain(FIRST);
  expect(
    await db.query("SELECT relname FROM pg_class WHERE relname = 'schema_migrations'"),
  ).toEqual([]);
  const other = new URL(database.url);
  other.pathname += "_misspelt";
  await expect(pendingMigrations(other.href)).rejects.toThrow("does not exist");
  await migrate();
  expect(await pendingMigrations(database.url)).toEqual([]);
});

test("an empty database gets every migration, and a second run has nothing to do", async () => {
  expect((await migrate())[0]).toBe(FIRST);
  expect(await migrate()).toEqual([]);
});

test("a database that the first release has filled keeps everything, and goes on where it stood", async () => {
  await migrate([FIRST]);
  await fill();
  expect(await migrate()).not.toContain(FIRST);

  expect(
    await db.query(
      "SELECT hash, state, held_reason, replacement_reason FROM chain_transactions ORDER BY hash",
    ),
  ).toEqual([
    { hash: hash("1"), state: "replaced", held_reason: null, replacement_reason: null },
    { hash: hash("2"), state: "mined", held_reason: null, replacement_reason: null },
  ]);
  expect(await db.query("SELECT key, state FROM chain_operations ORDER BY key")).toEqual([
    { key: "end:1", state: "mined" },
    { key: "end:2", state: "pending" },
  ]);
  // A message that waits is not mistaken for one that may open a finished process again.
  expect(await db.query("SELECT again FROM outbox")).toEqual([{ again: false }]);
  // One meeting that stands for an auction, and any number that were withdrawn.
  const another = `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at)
    SELECT chain_id, contract, auction_id, host, winner, room_name || '2', starts_at, ends_at, latest_ends_at FROM meetings`;
  await expect(db.query(another)).rejects.toThrow("meetings_standing");
  await db.query("UPDATE meetings SET state = 'withdrawn'");
  await db.query(another);
  // An access challenge that was open still is, but nobody reads it out of the database any more.
  const [person] = await db.query<{ id: string }>("SELECT id FROM users");
  const [meeting] = await db.query<{ id: string }>(
    "SELECT meeting_id AS id FROM lit_gate_passes WHERE nonce <> 'the-nonce'",
  );
  expect(await findGatePass(db, "the-nonce")).toMatchObject({
    nonce: "the-nonce",
    meetingId: meeting?.id,
    userId: person?.id,
    claim: { v: 1, nonce: "the-nonce" },
    spentAt: null,
  });
  expect(await db.query("SELECT message FROM wallet_challenges")).toEqual([{ message: null }]);
  // Events are numbered on, without a gap, one number each.
  await db.transaction((tx) =>
    recordEvents(
      tx,
      ["a", "b"].map((cause) => ({
        type: "auction-created",
        audience: ["public"],
        data: {},
        cause,
        occurredAt: new Date(0),
      })),
    ),
  );
  expect(await db.query("SELECT seq, cause FROM events ORDER BY seq")).toEqual([
    { seq: 1, cause: null },
    { seq: 2, cause: "a" },
    { seq: 3, cause: "b" },
  ]);
});

test("who was let in before blocks were kept with sessions has the block that the log of the grant names", async () => {
  await migrate(["Migration20261123400000_every_coming_and_going"]);
  await fill();
  const session = async (role: string, grantLog: object | null): Promise<void> => {
    const [row] = await db.query<{ id: string }>(
      `INSERT INTO meeting_sessions (id, meeting_id, user_id, role, wallet, room_name, token_expires_at, ended_at, ended_by)
       SELECT gen_random_uuid(), m.id, u.id, $1, $2, 'room', now(), now(), 'replaced' FROM meetings m, users u RETURNING id`,
      [role, WALLET],
    );
    if (grantLog === null) return;
    await db.query(
      `INSERT INTO meeting_access_logs (meeting_id, user_id, wallet, role, granted, reason, checked, block_number)
       SELECT m.id, u.id, $1, $2, true, 'granted', $3, 123 FROM meetings m, users u`,
      [WALLET, role, JSON.stringify({ ...grantLog, sessionId: row?.id })],
    );
  };
  await session("winner", {});
  await session("host", {});
  await session("winner", null);
  await migrate();
  expect(
    await db.query(
      `SELECT role, block_number AS "blockNumber", block_hash AS "blockHash" FROM meeting_sessions ORDER BY role, block_number`,
    ),
  ).toEqual([
    { role: "host", blockNumber: null, blockHash: null },
    { role: "winner", blockNumber: 123, blockHash: null },
    { role: "winner", blockNumber: null, blockHash: null },
  ]);
});
