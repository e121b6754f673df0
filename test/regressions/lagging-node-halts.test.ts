import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("a node that lags further than the window (a fresh one, still syncing) does not halt the stream", async () => {
  const { chain } = engine;
  await chain.create();
  for (let block = 0; block < 30; block += 1) await engine.mine();
  const indexer = engine.indexer({ finalityDepth: 4 });
  await engine.index(indexer);
  for (let block = 0; block < 12; block += 1) await engine.mine();
  await engine.index(indexer);
  const behind = 10;
  engine.rpc.after = async (method, [number], answer) => {
    if (method !== "eth_getBlockByNumber") return answer;
    if (number === "latest")
      return chain.provider.send("eth_getBlockByNumber", [`0x${behind.toString(16)}`, false]);
    return Number(number) > behind ? null : answer;
  };
  const result = await indexer.step();
  expect(result).toBe("idle");
});
