// Nonces: every one is used once, none stays empty, and an operation leaves its own only when it is lost for good.
import { expect, test } from "@jest/globals";
import { Wallet } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

/** What the chain counts of the wallet now and with what waits. */
async function counts(): Promise<{ latest: number; pending: number }> {
  const { provider } = engine.chain;
  return {
    latest: await provider.getTransactionCount(engine.signer.address, "latest"),
    pending: await provider.getTransactionCount(engine.signer.address, "pending"),
  };
}

/** A transfer with the wallet's own key, past the sender: somebody else has it. */
async function foreign(nonce: number): Promise<string> {
  const raw = await new Wallet(engine.signer.privateKey).signTransaction({
    type: 2,
    chainId: engine.chainId,
    nonce,
    to: engine.chain.person(1),
    value: 1n,
    gasLimit: 21_000,
    maxFeePerGas: 10n ** 12n,
    maxPriorityFeePerGas: 10n ** 10n,
  });
  return engine.send("eth_sendRawTransaction", raw);
}

test("a nonce that somebody else used moves its operation only once that is final", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ finalityDepth: 6 });
  // Our transaction never arrives, and another one takes its nonce.
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  await sender.tick();
  const [ours] = await engine.transactions();
  const nonce = Number(ours?.["nonce"]);
  const thief = await foreign(nonce);
  engine.rpc.calm();
  const includedAt = await engine.blockNumber();
  for (let block = 0; block < 4; block += 1) {
    await sender.tick();
    expect(await engine.operation(key)).toMatchObject({ nonce, settled: false });
    await engine.mine();
  }
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toEqual([
    expect.objectContaining({ nonce, state: "consumed", consumed_by: thief }),
    expect.objectContaining({ nonce: nonce + 1, state: "mined" }),
  ]);
  const [, second] = await engine.transactions();
  expect(Number(second?.["signed_at_block"]) - includedAt).toBeGreaterThanOrEqual(5);
});

test("a start looks at what the chain counts and at what is stored, and takes the higher", async () => {
  await foreign(await engine.chain.provider.getTransactionCount(engine.signer.address));
  const before = await counts();
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  // One endpoint is behind.
  const rpc = engine.endpoints(2);
  rpc.after = async (method, _parameters, answer, index) =>
    method === "eth_getTransactionCount" && index === 0 ? "0x0" : answer;
  const sender = await engine.sender({ rpc });
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.operation(key)).toMatchObject({ nonce: before.latest });
  expect(await engine.transactions()).toHaveLength(1);
});

test("bytes that every node refuses for good give their operations back, one by one, and a cancel fills the nonce", async () => {
  const ids = await engine.due(2);
  const keys: string[] = [];
  for (const id of ids) keys.push(await engine.ask("end", id));
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction")
      throw new RpcError(method, -32_000, "exceeds block gas limit");
  };
  const sender = await engine.sender();
  await sender.tick();
  const [refused] = await engine.transactions();
  expect(refused).toMatchObject({ state: "void", operation_keys: expect.arrayContaining(keys) });
  engine.rpc.calm();
  await engine.rounds(
    sender,
    async () => (await engine.isSettled(keys[0] ?? "")) && engine.isSettled(keys[1] ?? ""),
  );
  const after = await engine.transactions();
  expect(after.filter((one) => one["nonce"] === refused?.["nonce"])).toEqual([
    refused,
    expect.objectContaining({
      kind: "cancel",
      replaces: refused?.["hash"],
      replacement_reason: "void",
    }),
  ]);
  expect(after.filter((one) => one["kind"] === "end" && one["state"] !== "void")).toEqual([
    expect.objectContaining({ operation_keys: [expect.any(String)] }),
    expect.objectContaining({ operation_keys: [expect.any(String)] }),
  ]);
  const { latest, pending } = await counts();
  expect(pending).toBe(latest);
});

test("bytes that one node refuses and another may have are not given up", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const rpc = engine.endpoints(2);
  rpc.before = async (method, _parameters, index) => {
    if (method === "eth_sendRawTransaction")
      throw index === 0
        ? new RpcError(method, -32_000, "exceeds block gas limit")
        : new Error("timed out");
  };
  const sender = await engine.sender({ rpc });
  await sender.tick();
  const [sent] = await engine.transactions();
  expect(sent).toMatchObject({ state: "broadcast" });
  rpc.calm();
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toEqual([expect.objectContaining({ hash: sent?.["hash"] })]);
});

test("a hole below a stored nonce is filled with a stored cancel, and what waited behind it goes through", async () => {
  const ids = await engine.due(3);
  const keys: string[] = [];
  const sender = await engine.sender({ maxBatchItems: 1 });
  for (const id of ids) keys.push(await engine.ask("end", id));
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("the network is gone");
  };
  await sender.tick();
  const [lost] = await engine.transactions();
  // As after a restore from a backup that lacks a row.
  await engine.db.query(
    "UPDATE chain_operations SET state = 'pending', wallet = NULL, nonce = NULL WHERE nonce = $1",
    [lost?.["nonce"]],
  );
  await engine.db.query("DELETE FROM chain_transactions WHERE hash = $1", [lost?.["hash"]]);
  engine.rpc.calm();
  const next = await engine.sender({ maxBatchItems: 1 });
  await engine.rounds(next, async () => {
    for (const key of keys) if (!(await engine.isSettled(key))) return false;
    return true;
  });
  expect(await engine.transactions()).toContainEqual(
    expect.objectContaining({
      nonce: lost?.["nonce"],
      kind: "cancel",
      replacement_reason: "gap",
      state: "mined",
    }),
  );
  const { latest, pending } = await counts();
  expect(pending).toBe(latest);
});

test("a batch that a reorg brings back no longer carries an operation that has gone elsewhere", async () => {
  const [first = 0n, second = 0n] = await engine.due(2);
  const keys = [await engine.ask("end", first), await engine.ask("end", second)];
  const sender = await engine.sender({ confirmations: 1, finalityDepth: 20 });
  await sender.tick();
  const [batch] = await engine.transactions();
  expect(await engine.operation(keys[0] ?? "")).toMatchObject({ nonce: batch?.["nonce"] });
  await sender.tick();
  await engine.automine(false);
  // One of the two was asked for anew, as after an outcome that said "again".
  await engine.db.query(
    "UPDATE chain_operations SET state = 'pending', settled = false, wallet = NULL, nonce = NULL, attempts = 1 WHERE key = $1",
    [keys[0]],
  );
  // And it has gone out under another nonce.
  await sender.tick();
  await engine.reorg(1);
  await engine.rounds(
    sender,
    async () => (await engine.isSettled(keys[0] ?? "")) && engine.isSettled(keys[1] ?? ""),
  );
  const ofNonce = (await engine.transactions()).filter((one) => one["nonce"] === batch?.["nonce"]);
  expect(ofNonce).toEqual([
    expect.objectContaining({ hash: batch?.["hash"] }),
    expect.objectContaining({ replacement_reason: "moved", operation_keys: [keys[1]] }),
  ]);
});

test("a dearer transaction that every node refuses for good leaves the first one in its place", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  await engine.automine(false);
  const sender = await engine.sender();
  await sender.tick();
  const [first] = await engine.transactions();
  // The node forgets it, and takes no other bytes than these.
  await engine.chain.provider.send("anvil_dropAllTransactions", []);
  engine.rpc.before = async (method, [raw]) => {
    if (method === "eth_sendRawTransaction" && raw !== first?.["raw_transaction"])
      throw new RpcError(
        method,
        -32_000,
        "tx fee (1.20 ether) exceeds the configured cap (1.00 ether)",
      );
    if (method === "eth_sendRawTransaction" && (await engine.blockNumber()) < 60)
      throw new RpcError(method, -32_000, "transaction underpriced");
  };
  while ((await engine.blockNumber()) < 62) {
    await sender.tick();
    await engine.mine();
  }
  await engine.rounds(sender, () => engine.isSettled(key));
  expect(await engine.transactions()).toContainEqual(
    expect.objectContaining({ hash: first?.["hash"], state: "mined" }),
  );
});

test("a nonce that was used before our transaction was even signed is found out, and nothing is outbid meanwhile", async () => {
  const nonce = await engine.chain.provider.getTransactionCount(engine.signer.address);
  const thief = await foreign(nonce);
  for (let block = 0; block < 40; block += 1) await engine.mine();
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  // The node lags so far that it counts the nonce as free.
  const stale = `0x${nonce.toString(16)}`;
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getTransactionCount" ? stale : answer;
  const sender = await engine.sender();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ nonce });
  engine.rpc.calm();
  await engine.rounds(sender, () => engine.isSettled(key));
  const ofNonce = (await engine.transactions()).filter((one) => one["nonce"] === nonce);
  expect(ofNonce).toEqual([expect.objectContaining({ state: "consumed", consumed_by: thief })]);
});
