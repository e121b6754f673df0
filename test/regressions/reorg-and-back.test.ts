import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("clients that were told a bid is gone are told when it is there again", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  const indexer = engine.indexer();
  await engine.index(indexer);
  await chain.bid(auctionId, chain.person(0), 2_000n);
  await engine.index(indexer);
  const top = await engine.blockNumber();
  // A second endpoint is on a sibling block for one poll: the head has the same height and another hash.
  engine.rpc.after = async (method, [number], answer) => {
    if (method !== "eth_getBlockByNumber") return answer;
    if (number === "latest" || Number(number) === top)
      return { ...(answer as object), hash: `0x${"cd".repeat(32)}` };
    return answer;
  };
  expect(await indexer.step()).toBe("advanced");
  engine.rpc.calm();
  await engine.index(indexer);
  const events = await engine.db.query<{ type: string; data: Record<string, unknown> }>(
    "SELECT type, data FROM events WHERE audience @> ARRAY[$1] ORDER BY seq",
    [`auction:${auctionId}`],
  );
  // The last word must be what the chain says: the bid stands.
  expect(events.map((one) => one.type)).toEqual([
    "auction-created",
    "bid-placed",
    "auction-reverted",
    "bid-placed",
  ]);
});
