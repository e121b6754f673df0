import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an end that waits for an extended time comes forward again when a reorg takes the extension back", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  await engine.mine();
  const indexer = engine.indexer();
  await engine.index(indexer);
  const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  await chain.bid(auctionId, chain.person(0), 2_000n, endsAtS - 1); // extends by five seconds
  await engine.index(indexer);
  expect(Number((await engine.operation(key))["not_before_s"])).toBe(endsAtS + 5);
  await engine.reorg(1);
  await engine.index(indexer);
  expect(Number((await chain.state(auctionId))["endTime"])).toBe(endsAtS);
  // The workflow hears `reverted`; in the phase "ending" it asks again at best with the end that holds now.
  await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  expect(Number((await engine.operation(key))["not_before_s"])).toBe(endsAtS);
});
