// Commands of operators at the wrong moment, or about what is not there.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Database } from "../../src/db/database.ts";
import { isWalletPaused } from "../../src/db/operators.ts";
import { commandWallet } from "../../src/ops/commands.ts";
import type { Sight } from "../../src/ops/sight.ts";
import { asPart } from "../support/roles.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

const WALLET = `0x${"aa".repeat(20)}`;
const MISSPELT = `0x${"ab".repeat(20)}`;
const HASH = `0x${"0".repeat(64)}`;
const WHY = { by: "alice", reason: "its key may be known" };

let database: TestDatabase;
let owner: Database;
let sight: Sight;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = new Database({ url: database.url, applicationName: "test" });
  const db = new Database({ url: asPart(database.url, "operator"), applicationName: "test" });
  sight = { db } as Sight;
  await owner.query(
    "INSERT INTO chain_cursors (chain_id, stream, genesis_hash, block_number, block_hash) VALUES (1, 'auctions', $1, 7, $1)",
    [HASH],
  );
  await owner.query("INSERT INTO chain_wallets (chain_id, address) VALUES (1, $1)", [WALLET]);
});
afterAll(async () => {
  await sight.db.close();
  await owner.close();
  await database.drop();
});

test("a wallet that does not exist is not reported as paused", async () => {
  await expect(commandWallet(sight, "pause", MISSPELT, WHY)).rejects.toMatchObject({
    code: "wallet_unknown",
    message: expect.stringContaining(WALLET),
  });
  expect(await isWalletPaused(owner, 1, MISSPELT)).toBe(false);
  expect(await owner.query("SELECT FROM operator_actions")).toEqual([]);
});

test("two operators who pause a wallet at once both have it paused, and both are written down", async () => {
  const bob = { by: "bob", reason: "it spends too much" };
  const answers = await Promise.all([
    commandWallet(sight, "pause", WALLET, WHY),
    commandWallet(sight, "pause", WALLET, bob),
  ]);
  expect(answers.map((one) => one.paused)).toEqual([true, true]);
  expect(await isWalletPaused(owner, 1, WALLET)).toBe(true);
  const audit = await owner.query<{ by: string }>(
    "SELECT performed_by AS by FROM operator_actions ORDER BY 1",
  );
  expect(audit.map((one) => one.by)).toEqual(["alice", "bob"]);
  await commandWallet(sight, "resume", WALLET, WHY);
  expect(await isWalletPaused(owner, 1, WALLET)).toBe(false);
});
