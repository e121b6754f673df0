import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an auction somebody else ended is never told as unsold because one endpoint lags a block behind", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  const before = `0x${(await engine.blockNumber()).toString(16)}`;
  const key = await engine.ask("end", auctionId);
  await chain.end(auctionId);
  const sender = await engine.sender();
  await sender.tick();
  await engine.mine();
  // The receipt comes from a node that has the block, eth_call from a replica that does not yet.
  engine.rpc.after = async (method, parameters, answer) =>
    method === "eth_call" ? chain.provider.send("eth_call", [parameters[0], before]) : answer;
  await sender.tick().catch(() => undefined);
  engine.rpc.calm();
  for (let round = 0; round < 3; round += 1) {
    await engine.mine();
    await sender.tick();
  }
  const { result } = await engine.operation(key);
  expect(result).toMatchObject({ status: "done", winner: chain.person(0).toLowerCase() });
});
