// What each part of the product may do in the database, tried with a login of each.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import { createOperatorActivities } from "../../src/activities/operators.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import { Database } from "../../src/db/database.ts";
import { isWalletPaused } from "../../src/db/operators.ts";
import { DB_ROLES, grantPrivileges, PRIVILEGES } from "../../src/db/privileges.ts";
import { testLogger } from "../support/logs.ts";
import { asPart } from "../support/roles.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

type Part = keyof typeof DB_ROLES;

let database: TestDatabase;
let owner: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = new Database({ url: database.url, applicationName: "test" });
});
afterAll(async () => {
  await owner.close();
  await database.drop();
});

/** What a statement comes to for a part: "done", or the reason why not. Nothing of it stays. */
async function as(part: Part, sql: string): Promise<string> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query(`BEGIN; SET LOCAL ROLE ${DB_ROLES[part]}`);
    await client.query(sql);
    return "done";
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

test("every table has its line, and every line its table", async () => {
  const tables = await owner.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY 1",
  );
  expect(Object.keys(PRIVILEGES).sort()).toEqual(tables.map((one) => one.name));
});

test.each<[Part, string]>([
  ["api", "UPDATE chain_transactions SET state = 'final'"],
  ["api", "UPDATE chain_operations SET settled = true"],
  ["api", "UPDATE auctions SET winner = NULL"],
  ["api", "UPDATE meetings SET outcome = 1"],
  ["api", "INSERT INTO meeting_overrules DEFAULT VALUES"],
  ["api", "DELETE FROM events"],
  ["api", "UPDATE meeting_access_logs SET granted = true"],
  ["api", "SELECT FROM operator_actions"],
  ["auctionWorker", "SELECT ciphertext FROM para_sessions"],
  ["auctionWorker", "SELECT * FROM lit_gate_passes"],
  ["auctionWorker", "SELECT * FROM webhook_secrets"],
  ["auctionWorker", "SELECT * FROM idempotency_keys"],
  ["auctionWorker", "UPDATE chain_transactions SET state = 'final'"],
  ["auctionWorker", "UPDATE auctions SET winner = NULL"],
  ["chainWorker", "SELECT expires_at FROM para_sessions"],
  ["chainWorker", "SELECT * FROM wallet_challenges"],
  ["chainWorker", "UPDATE wallets SET address = address"],
  ["chainWorker", "DELETE FROM outbox"],
  ["operator", "SELECT ciphertext FROM para_sessions"],
  ["operator", "UPDATE meetings SET outcome = 1"],
  ["operator", "DELETE FROM operator_actions"],
  ["operator", "UPDATE chain_operations SET settled = true"],
  ["operator", "INSERT INTO outbox DEFAULT VALUES"],
  ["operator", "UPDATE outbox SET payload = NULL"],
  ["operator", "DELETE FROM outbox"],
  ["auctionWorker", "DELETE FROM auctions"],
  ["auctionWorker", "UPDATE bids SET amount_wei = 1"],
  ["chainWorker", "DELETE FROM chain_wallet_pauses"],
])("%s may not: %s", async (part, sql) => {
  expect(await as(part, sql)).toMatch(/^permission denied for table /);
});

test.each(Object.keys(DB_ROLES) as Part[])("%s may not touch the schema", async (part) => {
  expect(await as(part, "CREATE TABLE mine ()")).toBe("permission denied for schema public");
  expect(await as(part, "DROP TABLE users")).toBe("must be owner of table users");
  expect(await as(part, "ALTER TABLE auctions DISABLE TRIGGER ALL")).toBe(
    "must be owner of table auctions",
  );
  expect(await as(part, "TRUNCATE events")).toBe("permission denied for table events");
});

test.each<[Part, string]>([
  ["api", "SELECT FROM meetings FOR UPDATE"],
  [
    "api",
    "INSERT INTO events (type, audience, data) VALUES ('bid-placed', '{public}', '{}'); SET CONSTRAINTS ALL IMMEDIATE",
  ],
  ["auctionWorker", "DELETE FROM para_sessions WHERE expires_at < now() RETURNING 1"],
  ["auctionWorker", "SELECT FROM auctions FOR SHARE"],
  ["auctionWorker", "SELECT FROM chain_cursors FOR UPDATE"],
  ["chainWorker", "SELECT FROM chain_operations FOR UPDATE SKIP LOCKED"],
  [
    "chainWorker",
    "INSERT INTO events (type, audience, data) VALUES ('bid-placed', '{public}', '{}'); SET CONSTRAINTS ALL IMMEDIATE",
  ],
])("%s may: %s", async (part, sql) => {
  expect(await as(part, sql)).toBe("done");
});

test("the auction worker carries out what operators command in the Web UI", async () => {
  const db = new Database({ url: asPart(database.url, "auctionWorker"), applicationName: "test" });
  try {
    const { pauseWallet, resumeWallet } = createOperatorActivities({
      db,
      rpc: new JsonRpc({ endpoints: ["http://127.0.0.1:1"] }),
      logger: testLogger(),
    });
    const wallet = { chainId: 1, address: `0x${"aa".repeat(20)}` };
    const command = { ...wallet, by: "alice", reason: "its key may be known" };
    await pauseWallet({ ...command, requestId: "1" });
    expect(await isWalletPaused(db, 1, wallet.address)).toBe(true);
    await resumeWallet({ ...command, requestId: "2" });
    expect(await isWalletPaused(db, 1, wallet.address)).toBe(false);
  } finally {
    await db.close();
  }
});

test("it may be done again, and takes back what was given by hand", async () => {
  await owner.query(`GRANT ALL ON para_sessions TO ${DB_ROLES.chainWorker}`);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    expect(await grantPrivileges(client)).toBe(true);
  } finally {
    await client.end();
  }
  expect(await as("chainWorker", "SELECT FROM para_sessions")).toMatch(/^permission denied/);
});
