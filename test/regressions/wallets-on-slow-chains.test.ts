// Wallets say that they are there with each new block only, and count as gone after 5 s. On a chain of 12 s blocks the others
// are always gone when ends are due (right after a new block): the first wallet takes everything.
import { Wallet } from "ethers";
import { rememberSecrets } from "../support/logs.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("two wallets share the work on a chain with 12 s blocks", async () => {
  for (let block = 0; block < 16; block += 1) await engine.mine(12);
  const ids = await engine.due(6);
  for (let block = 0; block < 16; block += 1) await engine.mine(12);
  const other = new Wallet(engine.chain.anvil.accounts[8]?.privateKey ?? "");
  rememberSecrets(other.privateKey, other.privateKey.slice(2));
  const first = await engine.sender({ maxBatchItems: 1 });
  const second = await engine.sender({ maxBatchItems: 1, signer: other });
  await first.tick();
  await second.tick();
  // Twelve seconds pass without a block; both are alive and look at the chain.
  await engine.db.query("UPDATE chain_wallets SET seen_at = seen_at - interval '12 seconds'");
  await first.tick();
  await second.tick();
  for (const id of ids) await engine.ask("end", id);
  await engine.mine();
  await first.tick();
  expect(await engine.transactions()).toHaveLength(3);
});
