// What must come before what: an earlier nonce, a final sale.
import { expect, test } from "@jest/globals";
import { Transaction, Wallet } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { rememberSecrets } from "../support/logs.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

test("money is settled only for a sale that nothing can take back", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const end = await engine.ask("end", auctionId);
  const sender = await engine.sender({ finalityDepth: 6 });
  await engine.rounds(sender, () => engine.isSettled(end));
  await engine.index();
  const [ended] = await engine.transactions();
  const settle = await engine.ask("settle", auctionId, { outcome: 1 });
  await engine.rounds(sender, () => engine.isSettled(settle));
  const settlement = (await engine.transactions()).find((one) => one["kind"] === "settle");
  expect(Number(settlement?.["signed_at_block"])).toBe(Number(ended?.["block_number"]) + 6);
});

test("a transaction that overtook the one before it goes out again at once", async () => {
  const ids = await engine.due(3);
  for (const id of ids) await engine.ask("end", id);
  await engine.automine(false);
  const sender = await engine.sender({ maxBatchItems: 1 });
  const first = await engine.chain.provider.getTransactionCount(engine.signer.address);
  const { promise: refusals, resolve } = Promise.withResolvers<void>();
  const taken = new Set<number>();
  let refused = 0;
  // A node without room for gaps; the first transaction is slow on the way.
  engine.rpc.before = async (method, [raw]) => {
    if (method !== "eth_sendRawTransaction") return;
    const { nonce } = Transaction.from(String(raw));
    if (nonce === first) await refusals;
    else if (!taken.has(nonce - 1)) {
      refused += 1;
      if (refused === 2) resolve();
      throw new RpcError(method, -32_000, "nonce too high");
    }
    taken.add(nonce);
  };
  await sender.tick();
  expect([...taken]).toEqual([first, first + 1, first + 2]);
  expect(await engine.chain.provider.getTransactionCount(engine.signer.address, "pending")).toBe(
    first + 3,
  );
});

test("an operation whose block had no effect and left the chain again keeps its first nonce", async () => {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 60 });
  await engine.automine(false);
  const sender = await engine.sender();
  const key = await engine.ask("end", auctionId);
  // Included too early, so it waits for its time, without a nonce.
  await engine.rounds(
    sender,
    async () => (await engine.operation(key))["reason"] === "not_yet_ended",
  );
  const [first] = await engine.transactions();
  await engine.reorg((await engine.blockNumber()) - Number(first?.["block_number"]) + 1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({
    state: "broadcast",
    nonce: first?.["nonce"],
  });
  expect(await engine.transactions()).toHaveLength(1);
});

test("an operation is not sent by another wallet while a reorg has put its first transaction in doubt", async () => {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 60 });
  await engine.automine(false);
  const first = await engine.sender();
  const key = await engine.ask("end", auctionId);
  await engine.rounds(
    first,
    async () => (await engine.operation(key))["reason"] === "not_yet_ended",
  );
  const [early] = await engine.transactions();
  await engine.reorg((await engine.blockNumber()) - Number(early?.["block_number"]) + 1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  // The first wallet has not looked yet; to the second the operation seems to be free.
  await engine.db.query("UPDATE chain_operations SET not_before_s = 0");
  const signer = new Wallet(chain.anvil.accounts[8]?.privateKey ?? "");
  rememberSecrets(signer.privateKey, signer.privateKey.slice(2));
  const second = await engine.sender({ signer });
  await second.tick();
  expect(await engine.transactions()).toHaveLength(1);
  await first.tick();
  expect(await engine.operation(key)).toMatchObject({
    state: "broadcast",
    nonce: early?.["nonce"],
  });
});

test("an operation that had no effect in a transaction that was outbid before goes out anew at once, not at finality", async () => {
  const gwei = 10n ** 9n;
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 60 });
  await engine.automine(false);
  const sender = await engine.sender({ finalityDepth: 100 });
  const key = await engine.ask("end", auctionId);
  await sender.tick();
  while ((await engine.transactions()).length === 1) {
    const wei = `0x${(20n * gwei).toString(16)}`;
    await chain.provider.send("anvil_setNextBlockBaseFeePerGas", [wei]);
    await engine.mine();
    await sender.tick();
  }
  await engine.rounds(sender, () => engine.isSettled(key));
  const [first] = await engine.transactions();
  expect(await engine.operation(key)).toMatchObject({ nonce: Number(first?.["nonce"]) + 1 });
  // It was done in the first block that allowed it, long before anything was final.
  const done = (await engine.transactions()).at(-1);
  const block = await chain.provider.getBlock(Number(done?.["block_number"]));
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  expect(block?.timestamp).toBe(endsAtS);
});
