import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { AuctionChain } from "../contracts/harness.ts";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  const start = AuctionChain.start;
  // A cap that leaves room for more than eight extensions, as the real default does.
  AuctionChain.start = (config, options) =>
    start.call(AuctionChain, { ...config, maxExtensionS: 600 }, options);
  try {
    engine = await Engine.start();
  } finally {
    AuctionChain.start = start;
  }
});
afterEach(() => engine.stop());

test("an auction that is extended at the last second many times is ended all the same", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  const endOf = async () => Number((await chain.state(auctionId))["endTime"]);
  const key = await engine.ask("end", auctionId, { notBeforeS: await endOf() });
  const sender = await engine.sender();
  await engine.automine(false);
  for (let round = 0; round < 10; round += 1) {
    // The sender cannot know of the bid that is in the pool.
    chain.nowS = (await endOf()) - 3;
    await engine.mine();
    await engine.automine(true);
    await chain.bid(auctionId, chain.person(round % 3), 3_000n * 2n ** BigInt(round)); // at end - 1 … + 6 s
    await engine.automine(false);
    // The indexer is one poll (200 ms) behind the sender, so the op still carries the old end.
    await sender.tick();
    await engine.mine(); // the old end time: not yet ended any more
    await sender.tick();
  }
  chain.nowS = await endOf();
  await engine.mine();
  await engine.ask("end", auctionId, { notBeforeS: await endOf() });
  for (let round = 0; round < 4; round += 1) {
    await sender.tick();
    await engine.mine();
  }
  const { state, attempts, reason } = await engine.operation(key);
  expect({
    state,
    attempts,
    reason,
    onChain: Number((await chain.state(auctionId))["state"]),
  }).toMatchObject({ onChain: 2 });
});
