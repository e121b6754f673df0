// The end of an auction whose creation a reorg dropped is refused (unknown_auction). Later another auction gets the same id,
// and with it the refused operation: nobody can ask for its end any more.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an auction that gets the id of a dropped one can be ended", async () => {
  const { chain } = engine;
  const indexer = engine.indexer();
  await engine.index(indexer);
  const dropped = await chain.create({ endTime: chain.nowS + 7 });
  await engine.index(indexer);
  const key = await engine.ask("end", dropped, { notBeforeS: chain.nowS + 6 });
  await engine.reorg(1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  const sender = await engine.sender();
  for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
    await sender.tick();
    await engine.mine();
    await engine.index(indexer);
  }
  // Another auction takes the id; its creation is indexed, its time comes, its process asks for its end.
  const again = await chain.create({ endTime: chain.nowS + 20 });
  expect(again).toBe(dropped);
  await engine.index(indexer);
  const endsAtS = Number((await chain.state(again))["endTime"]);
  await engine.ask("end", again, { notBeforeS: endsAtS });
  for (let block = 0; block < 50; block += 1) {
    await sender.tick();
    await engine.mine();
    await engine.index(indexer);
  }
  expect(String((await chain.state(again))["state"])).toBe("2");
});
