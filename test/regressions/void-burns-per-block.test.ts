// The same as void-burns-money with several ticks between two blocks, as in production (a poll each fifth of a block time).
import { Transaction } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("one refused operation costs at most one cancel a block", async () => {
  const [auctionId = 0n] = await engine.due(1);
  await engine.ask("end", auctionId);
  engine.rpc.before = async (method, [raw]) => {
    if (method === "eth_sendRawTransaction" && Transaction.from(String(raw)).data !== "0x")
      throw new RpcError(method, -32_000, "intrinsic gas too low");
  };
  await engine.automine(false);
  const sender = await engine.sender();
  const blocks = 6;
  for (let block = 0; block < blocks; block += 1) {
    for (let tick = 0; tick < 10; tick += 1) await sender.tick();
    await engine.mine();
  }
  const cancels = (await engine.transactions()).filter((one) => one["kind"] === "cancel");
  expect(cancels.length).toBeLessThanOrEqual(blocks);
});
