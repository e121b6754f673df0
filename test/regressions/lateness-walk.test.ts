// For a metric, each overdue end walks back up to 64 blocks, one request after the other, before the round goes on.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("catching up after an outage does not ask for the same 64 blocks once per end", async () => {
  const ids = await engine.due(30);
  const endsAtS = engine.chain.nowS;
  for (const id of ids) await engine.ask("end", id, { notBeforeS: endsAtS });
  for (let block = 0; block < 70; block += 1) await engine.mine();
  const sender = await engine.sender();
  await sender.tick();
  await engine.mine();
  let asked = 0;
  engine.rpc.before = async (method) => void (method === "eth_getBlockByNumber" && (asked += 1));
  await sender.tick();
  expect(asked).toBeLessThan(200);
});
