// Signing is deterministic: the same replacement of the same transaction at the same market is the same hash, and the second
// INSERT breaks the primary key. The round throws a plain pg error, so inRounds gives the leadership back; the next leader too.
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a replacement for moved operations that nodes refuse does not break every round", async () => {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 200 });
  await engine.automine(false);
  const sender = await engine.sender({ finalityDepth: 20 });
  // Too early: included without effect, so the operation moves on and waits for its time.
  const key = await engine.ask("end", auctionId);
  await engine.rounds(
    sender,
    async () =>
      (await engine.operation(key))["attempts"] !== undefined &&
      (await engine.operation(key))["reason"] === "not_yet_ended",
  );
  const [mined] = await engine.transactions();
  // It has gone out under another nonce since.
  await engine.db.query(
    "UPDATE chain_operations SET state = 'signed', wallet = $1, nonce = 999 WHERE key = $2",
    [engine.signer.address.toLowerCase(), key],
  );
  const depth = (await engine.blockNumber()) - Number(mined?.["block_number"]) + 1;
  await engine.reorg(depth);
  await chain.provider.send("anvil_dropAllTransactions", []);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  const first = mined?.["raw_transaction"];
  engine.rpc.before = async (method, [raw]) => {
    if (method !== "eth_sendRawTransaction") return;
    throw raw === first
      ? new Error("the network is gone")
      : new RpcError(
          method,
          -32_000,
          "tx fee (1.10 ether) exceeds the configured cap (1.00 ether)",
        );
  };
  for (let block = 0; block < 6; block += 1) {
    await engine.mine();
    await sender.tick();
  }
  const hashes = (await engine.transactions()).map((one) => one["hash"]);
  expect(hashes.length).toBeGreaterThan(1);
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("a database whose clock has gone back does not break every round", async () => {
  const gwei = 10n ** 9n;
  const setBaseFee = (wei: bigint): Promise<unknown> =>
    engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${wei.toString(16)}`]);
  const [auctionId = 0n] = await engine.due(1);
  await engine.automine(false);
  await setBaseFee(gwei);
  await engine.mine();
  await engine.ask("end", auctionId);
  const sender = await engine.sender();
  await sender.tick();
  const round = async (): Promise<void> => {
    await setBaseFee(20n * gwei);
    await engine.mine();
    await sender.tick();
  };
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  while ((await engine.transactions()).length < 2) await round();
  // What a fail-over to a database server whose clock is behind gives: created_at is the order that newestOfEachNonce trusts.
  await engine.db.query(
    "UPDATE chain_transactions SET created_at = created_at - interval '1 minute' WHERE replaces IS NOT NULL",
  );
  for (let block = 0; block < 8; block += 1) await round();
  const hashes = (await engine.transactions()).map((one) => one["hash"]);
  expect(new Set(hashes).size).toBe(hashes.length);
});
