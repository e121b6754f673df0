// followExtensions moves an end for a bid in a block that the indexer never gets to see, because a reorg drops it. Nothing
// ever moves the end back: it is late by the whole time buffer.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an end that was moved by a bid which a reorg drops is due at its old time again", async () => {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 31 });
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  await chain.bid(auctionId, chain.person(0), 2_000n);
  const indexer = engine.indexer();
  while (chain.nowS < endsAtS - 2) await engine.mine();
  await engine.index(indexer);
  await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  const sender = await engine.sender();
  // The last block before the end holds a bid; the sender looks at it before the indexer does.
  await chain.bid(auctionId, chain.person(1), 5_000n, endsAtS - 1);
  await sender.tick();
  // And that block is replaced by an empty one.
  await engine.reorg(1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  expect(Number((await chain.state(auctionId))["endTime"])).toBe(endsAtS);
  await engine.automine(false);
  for (let block = 0; block < 5; block += 1) {
    await engine.index(indexer);
    await sender.tick();
    await engine.mine();
  }
  const ended = await chain.state(auctionId);
  expect({ nowS: chain.nowS, endsAtS, state: String(ended["state"]) }).toMatchObject({
    state: "2",
  });
});
