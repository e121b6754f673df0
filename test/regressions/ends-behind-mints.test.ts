import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an end that is due is not kept back by mints that wait", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  chain.nowS = Number((await chain.state(auctionId))["endTime"]);
  await engine.mine();
  await engine.automine(false);
  const sender = await engine.sender();
  // 15 of the 16 places of the wallet are taken.
  for (let index = 0; index < 15; index += 1) {
    await engine.ask("settle", String(1_000 + index), { outcome: 1 });
    await sender.tick();
  }
  // A wave of sold auctions: their mints wait (not_before 0), while one auction reaches its end.
  for (let index = 0; index < 60; index += 1) await engine.ask("mint", String(2_000 + index));
  const key = await engine.ask("end", auctionId, { notBeforeS: chain.nowS });
  await sender.tick();
  expect(await engine.operation(key)).toMatchObject({ state: "broadcast" });
});
