// Bytes that every node refuses for good are made void and asked for again at once, without a limit: each try leaves a nonce
// that a paid cancel fills. Up to 16 cancels a block, for ever.
import { Transaction } from "ethers";
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an operation whose bytes are refused each time is given up, and does not burn money for ever", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  engine.rpc.before = async (method, [raw]) => {
    if (method === "eth_sendRawTransaction" && Transaction.from(String(raw)).data !== "0x")
      throw new RpcError(method, -32_000, "intrinsic gas too low");
  };
  const sender = await engine.sender();
  for (let block = 0; block < 40; block += 1) {
    await sender.tick();
    await engine.mine(60);
  }
  const cancels = (await engine.transactions()).filter((one) => one["kind"] === "cancel");
  expect({ cancels: cancels.length, state: (await engine.operation(key))["state"] }).toEqual({
    cancels: Math.min(cancels.length, 8),
    state: "refused",
  });
});
