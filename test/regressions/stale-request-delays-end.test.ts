// The indexer takes an extension back (end time T again) while the process, which has not heard of it, asks for T + 300; then
// it hears, and asks for T. requestOperation keeps the later one of both for ever.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an end that was asked for with the time of a dropped extension comes at its real time", async () => {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 21 });
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  const indexer = engine.indexer();
  await engine.index(indexer);
  await engine.automine(false);
  await engine.ask("end", auctionId, { notBeforeS: endsAtS + 300 });
  await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  const sender = await engine.sender();
  while (chain.nowS < endsAtS + 5) {
    await engine.index(indexer);
    await sender.tick();
    await engine.mine();
  }
  expect(String((await chain.state(auctionId))["state"])).toBe("2");
});
