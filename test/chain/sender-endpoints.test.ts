// Several endpoints: what one shows is believed, what one fails to show is not.
import { expect, test } from "@jest/globals";
import { markMined } from "../../src/chain/sending/transactions.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine, TappedRpc } from "./support.ts";

let engine: Engine;
let rpc: TappedRpc;
eachTestHasAnEngine((one) => {
  engine = one;
  rpc = engine.endpoints(2);
});

test("one endpoint that never shows a receipt keeps nothing from being done", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  rpc.after = async (method, _parameters, answer, index) =>
    method === "eth_getTransactionReceipt" && index === 0 ? null : answer;
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toHaveLength(1);
});

test("an endpoint that still counts an old nonce does not hide an inclusion", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const stale = await engine.chain.provider.send("eth_getTransactionCount", [
    engine.signer.address,
    "latest",
  ]);
  const key = await engine.ask("end", auctionId);
  rpc.after = async (method, _parameters, answer, index) =>
    method === "eth_getTransactionCount" && index === 0 ? stale : answer;
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toHaveLength(1);
});

test("a mined transaction stays mined when an endpoint loses its receipt and its block", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  rpc.after = async (method, [first], answer) =>
    method === "eth_getTransactionReceipt" ||
    (method === "eth_getBlockByNumber" && first !== "latest")
      ? null
      : answer;
  await engine.mine();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "mined", settled: true });
  expect(await engine.signals()).toHaveLength(1);
});

test("nothing is final while endpoints disagree on the block", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ rpc, finalityDepth: 5 });
  await engine.rounds(sender, () => engine.isSettled(key));
  const [mined] = await engine.transactions();
  // The second endpoint is on another fork.
  rpc.after = async (method, [first], answer, index) =>
    index === 1 &&
    method === "eth_getBlockByNumber" &&
    first === `0x${Number(mined?.["block_number"]).toString(16)}`
      ? { ...(answer as object), hash: `0x${"ab".repeat(32)}` }
      : answer;
  for (let block = 0; block < 5; block += 1) {
    await engine.mine();
    await sender.tick();
  }
  expect(await engine.operation(key)).toMatchObject({ state: "mined" });
  rpc.calm();
  await engine.rounds(sender, async () => (await engine.operation(key))["state"] === "final");
});

test("a transaction goes to every endpoint, and one that accepts is enough", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const asked = new Set<number>();
  rpc.before = async (method, _parameters, index) => {
    if (method !== "eth_sendRawTransaction") return;
    asked.add(index);
    if (index === 0) throw new Error("the connection was reset");
  };
  const sender = await engine.sender({ rpc });
  await sender.tick();
  expect(asked).toEqual(new Set([0, 1]));
  expect((await engine.transactions())[0]).toMatchObject({ last_send_error: null });
  await engine.rounds(sender, () => engine.isSettled(key));
});

test("an endpoint of another chain is not used", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const used = new Set<string>();
  rpc.after = async (method, _parameters, answer, index) => {
    if (index === 0) return answer;
    used.add(method);
    return method === "eth_chainId" ? "0x1" : answer;
  };
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(used).toEqual(new Set(["eth_chainId"]));
});

test("what was told of a transaction is read again when a reorg has put it into another block between two looks", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  const [mined] = await engine.transactions();
  const hash = String(mined?.["hash"]);
  const receipt = { blockNumber: Number(mined?.["block_number"]), status: 1 };
  await markMined(engine.db, hash, { ...receipt, blockHash: String(mined?.["block_hash"]) });
  expect(await engine.isSettled(key)).toBe(true);
  await markMined(engine.db, hash, { ...receipt, blockHash: `0x${"cd".repeat(32)}` });
  expect(await engine.isSettled(key)).toBe(false);
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.signals()).toHaveLength(2);
});
