import { expect, test } from "@jest/globals";
import { Transaction } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { eachTestHasAnEngine } from "./shared-chain.ts";
import type { Engine } from "./support.ts";

let engine: Engine;
eachTestHasAnEngine((one) => void (engine = one));

const due = (count: number): Promise<bigint[]> => engine.due(count);

test("hash, bytes and nonce are committed before the transaction is sent", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  // Collected, not asserted in place: the sender rightly survives whatever a send throws.
  const sent: unknown[] = [];
  engine.rpc.before = async (method, [raw]) => {
    if (method !== "eth_sendRawTransaction") return;
    const { hash, nonce } = Transaction.from(raw as string);
    const [row] = await engine.db.query(
      "SELECT raw_transaction, nonce, state FROM chain_transactions WHERE hash = $1",
      [hash],
    );
    sent.push({ raw, nonce, row });
  };
  const sender = await engine.sender();
  await sender.tick();
  expect(sent).toHaveLength(1);
  for (const { raw, nonce, row } of sent as { raw: string; nonce: number; row: unknown }[])
    expect(row).toEqual({ raw_transaction: raw, nonce, state: "signed" });
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "mined", settled: true });
  expect(await engine.signals()).toEqual([
    expect.objectContaining({
      signal: "operationSettled",
      args: [
        expect.objectContaining({
          key,
          status: "done",
          winner: engine.chain.person(0).toLowerCase(),
          amountWei: "2000",
        }),
      ],
    }),
  ]);
});

test("an answer that is lost after the node accepted does not send anything twice", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  engine.rpc.after = async (method, _parameters, answer) => {
    if (method === "eth_sendRawTransaction") throw new Error("the connection was reset");
    return answer;
  };
  const sender = await engine.sender();
  await sender.tick();
  engine.rpc.calm();
  for (let round = 0; round < 6; round += 1) {
    await engine.mine();
    await sender.tick();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true, attempts: 0 });
  expect(await engine.transactions()).toHaveLength(1);
});

test("a transaction that was stored but never sent goes out, the same to the byte, when the wallet is taken over", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction") throw new Error("killed before it was sent");
  };
  await (await engine.sender()).tick();
  const [stored] = await engine.transactions();
  const sent: unknown[] = [];
  engine.rpc.before = async (method, [raw]) =>
    void (method === "eth_sendRawTransaction" && sent.push(raw));
  const next = await engine.sender();
  expect(sent).toEqual([stored?.["raw_transaction"]]);
  await next.tick();
  expect(await engine.operation(key)).toMatchObject({ settled: true, nonce: stored?.["nonce"] });
  expect(await engine.transactions()).toHaveLength(1);
});

test("nothing is sent before the block that reaches its time, and then at once", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  const sender = await engine.sender();
  await engine.automine(false);
  // Blocks a second apart, up to two seconds before the end: the next block would still be too early.
  while (chain.nowS < endsAtS - 2) {
    await engine.mine();
    await sender.tick();
  }
  expect(await engine.transactions()).toHaveLength(0);
  await engine.mine();
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
  await engine.mine();
  expect(chain.nowS).toBe(endsAtS);
  expect(Number((await chain.state(auctionId))["state"])).toBe(2);
});

test("an end does not go out when a bid has just moved it, though the indexer has not read that block yet", async () => {
  const { chain } = engine;
  // A chain that is known to have a block each second.
  for (let block = 0; block < 16; block += 1) await engine.mine();
  const auctionId = await chain.create();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  await engine.index();
  const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  const sender = await engine.sender();
  while (chain.nowS < endsAtS - 2) await engine.mine();
  // In the last block before the end.
  await chain.bid(auctionId, chain.person(0), 2_000n);
  expect(chain.nowS).toBe(endsAtS - 1);
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(0);
  const movedS = Number((await chain.state(auctionId))["endTime"]);
  expect(movedS).toBeGreaterThan(endsAtS);
  expect(await engine.operation(key)).toMatchObject({ state: "pending", not_before_s: endsAtS });
  // Without that look it would have gone out at this head.
  engine.rpc.before = async (method) => {
    if (method === "eth_getLogs") throw new Error("no answer");
  };
  await sender.tick();
  expect(await engine.transactions()).toHaveLength(1);
});

test("an end that is not due yet does not go out with one that is", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  const later = await engine.chain.create();
  const laterKey = await engine.ask("end", later, {
    notBeforeS: Number((await engine.chain.state(later))["endTime"]),
  });
  await (await engine.sender()).tick();
  expect((await engine.transactions()).map((one) => one["operation_keys"])).toEqual([[key]]);
  expect(await engine.operation(laterKey)).toMatchObject({ state: "pending", attempts: 0 });
});

test("a batch isolates its items: the impossible one is refused, the others are done", async () => {
  const ids = await due(3);
  const keys = await Promise.all(ids.map((id) => engine.ask("end", id)));
  const impossible = await engine.ask("end", 999n);
  const sender = await engine.sender();
  await sender.tick();
  await sender.tick();
  for (const key of keys)
    expect(await engine.operation(key)).toMatchObject({ settled: true, state: "mined" });
  expect(await engine.operation(impossible)).toMatchObject({
    settled: true,
    state: "refused",
    reason: "unknown_auction",
  });
  expect(await engine.transactions()).toHaveLength(1);
});

test("sixty ends go out in two transactions, in one round", async () => {
  const ids = await due(60);
  for (const id of ids) await engine.ask("end", id);
  await engine.automine(false);
  const sender = await engine.sender();
  await sender.tick();
  await engine.mine();
  await sender.tick();
  expect(
    (await engine.transactions()).map((one) => (one["operation_keys"] as string[]).length),
  ).toEqual([50, 10]);
  expect(
    await engine.db.query("SELECT count(*)::int AS n FROM chain_operations WHERE settled"),
  ).toEqual([{ n: 60 }]);
});

test("an auction that somebody else ended first counts as done, with its winner", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  await engine.chain.end(auctionId);
  const sender = await engine.sender();
  await sender.tick();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({
    settled: true,
    result: expect.objectContaining({
      status: "done",
      winner: engine.chain.person(0).toLowerCase(),
      amountWei: "2000",
    }),
  });
});

test("an end that came too early is asked for again at the time the chain says", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender();
  await sender.tick();
  await sender.tick();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  expect(await engine.operation(key)).toMatchObject({
    state: "pending",
    settled: false,
    // Too early is no fault of its own: however often, it is not given up.
    attempts: 0,
    reason: "not_yet_ended",
    not_before_s: endsAtS,
    nonce: null,
  });
  chain.nowS = endsAtS;
  await engine.mine();
  await sender.tick();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "mined", settled: true, attempts: 0 });
});

test("a transaction whose block left the chain is sent again under the same nonce, and its workflow told again", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ finalityDepth: 8 });
  await sender.tick();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "mined", settled: true });
  await engine.automine(false);
  await engine.reorg(1);
  engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
  await engine.mine();
  await sender.tick();
  for (let round = 0; round < 5; round += 1) {
    await engine.mine();
    await sender.tick();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true });
  expect(new Set((await engine.transactions()).map((one) => one["nonce"])).size).toBe(1);
  expect(Number((await engine.chain.state(auctionId))["state"])).toBe(2);
});

test("a receipt of a block that is not on the chain is not believed", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  engine.rpc.after = async (method, _parameters, answer) =>
    // A node that lags behind a reorg still gives the receipt of the dropped block.
    method === "eth_getTransactionReceipt" && answer !== null
      ? { ...(answer as object), blockHash: `0x${"cd".repeat(32)}` }
      : answer;
  const sender = await engine.sender();
  for (let round = 0; round < 3; round += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(key)).toMatchObject({ state: "broadcast", settled: false });
  engine.rpc.calm();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "mined", settled: true });
});

test("what the market has left behind is outbid with both caps raised by an eighth or more, under the same nonce", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  await engine.automine(false);
  const sender = await engine.sender();
  await sender.tick();
  // The market moves far above what was offered: the transaction cannot be mined.
  for (let block = 0; block < 4; block += 1) {
    await engine.chain.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x2540be4000"]);
    await engine.mine();
    await sender.tick();
  }
  const [first, second] = await engine.transactions();
  expect(second).toMatchObject({
    nonce: first?.["nonce"],
    replaces: first?.["hash"],
    operation_keys: first?.["operation_keys"],
  });
  for (const cap of ["max_fee_per_gas_wei", "max_priority_fee_per_gas_wei"])
    expect(BigInt(String(second?.[cap])) * 8n >= BigInt(String(first?.[cap])) * 9n).toBe(true);
  await engine.mine();
  for (let round = 0; round < 8; round += 1) {
    await engine.mine();
    await sender.tick();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true, attempts: 0 });
});

test("a nonce that is used without a known receipt is looked at again and never sent anew", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender();
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getTransactionReceipt" ? null : answer;
  for (let round = 0; round < 4; round += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: false, attempts: 0 });
  expect(new Set((await engine.transactions()).map((one) => one["nonce"])).size).toBe(1);
  engine.rpc.calm();
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ settled: true });
});

test("a wallet that loses its funds after the signing keeps its operation and nonce, and goes on when it has some", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender();
  await engine.chain.provider.send("anvil_setBalance", [engine.signer.address, "0x0"]);
  await sender.tick();
  const [sent] = await engine.transactions();
  // A node may keep what it cannot be paid for and try it later: the nonce is taken.
  expect(sent).toMatchObject({ state: "broadcast", last_send_error: "insufficient_funds" });
  await engine.chain.provider.send("anvil_setBalance", [
    engine.signer.address,
    "0xde0b6b3a7640000",
  ]);
  await engine.rounds(sender, async () => (await engine.operation(key))["settled"] === true);
  expect(await engine.operation(key)).toMatchObject({ nonce: sent?.["nonce"] });
});

test("a sender on another chain refuses to start", async () => {
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_chainId" ? "0x1" : answer;
  await expect(engine.sender()).rejects.toMatchObject({ code: "wrong_chain", kind: "retry" });
});

test("asking twice is asking once, and asking for what is done tells its workflow again", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  await engine.ask("end", auctionId);
  const sender = await engine.sender();
  await sender.tick();
  await sender.tick();
  expect(await engine.signals()).toHaveLength(1);
  expect(await engine.ask("end", auctionId)).toBe(key);
  expect(await engine.signals()).toHaveLength(2);
  expect(await engine.transactions()).toHaveLength(1);
});

test("an error of the node that nobody knows means: maybe sent", async () => {
  const [auctionId = 0n] = await due(1);
  const key = await engine.ask("end", auctionId);
  engine.rpc.before = async (method) => {
    if (method === "eth_sendRawTransaction")
      throw new RpcError(method, -32_000, "a text from the future");
  };
  const sender = await engine.sender();
  await sender.tick();
  expect((await engine.transactions())[0]).toMatchObject({
    state: "broadcast",
    last_send_error: "unknown",
  });
  expect(await engine.operation(key)).toMatchObject({ state: "broadcast", settled: false });
});

test("an end that nobody has asked for goes out on time all the same, and its process learns of it when it asks", async () => {
  const { chain } = engine;
  for (let block = 0; block < 16; block += 1) await engine.mine();
  const ids = [await chain.create(), await chain.create()];
  const [auctionId = 0n] = ids;
  const cancelled = await chain.create();
  await chain.send(chain.host, "cancel", [cancelled]);
  const sender = await engine.sender();
  await engine.automine(false);
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  while (chain.nowS < endsAtS) {
    await engine.index();
    await sender.tick();
    await engine.mine();
  }
  expect(Number((await chain.state(auctionId))["state"])).toBe(2);
  const asked = await engine.db.query<{ auction_id: string }>(
    "SELECT auction_id FROM chain_operations ORDER BY auction_id",
  );
  expect(asked.map((one) => BigInt(one.auction_id))).toEqual(ids);
  await sender.tick();
  const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  expect(
    (await engine.signals()).map((one) => one.args[0]?.["key"]).filter((one) => one === key),
  ).toHaveLength(2);
});
