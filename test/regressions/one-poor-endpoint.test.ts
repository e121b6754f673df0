// A node that is still syncing answers eth_getBalance with 0. One such endpoint among several pauses the wallet for ever.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a wallet is not paused because one endpoint, which is behind, knows nothing of its money", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const rpc = engine.endpoints(3);
  rpc.after = async (method, _parameters, answer, index) =>
    method === "eth_getBalance" && index === 2 ? "0x0" : answer;
  const sender = await engine.sender({ rpc });
  for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true });
});
