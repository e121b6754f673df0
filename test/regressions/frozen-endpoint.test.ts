// A node that stopped syncing answers everything, of an old block. It stays the preferred endpoint, and nobody compares heads.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

import type { TappedRpc } from "../chain/support.ts";
/** Endpoint 0 is frozen at the block that is the latest now. */
async function frozen(): Promise<TappedRpc> {
  const rpc = engine.endpoints(2);
  const stands = await engine.chain.provider.send("eth_getBlockByNumber", ["latest", false]);
  const beyond = (at: unknown): boolean => Number(at) > Number(stands.number);
  rpc.after = async (method, parameters, answer, index) => {
    if (index !== 0) return answer;
    if (method === "eth_getBlockByNumber")
      return parameters[0] === "latest" ? stands : beyond(parameters[0]) ? null : answer;
    return answer;
  };
  return rpc;
}

test("the indexer follows the chain although the first endpoint stands still", async () => {
  const rpc = await frozen();
  const indexer = engine.indexer({ rpc });
  await engine.index(indexer);
  const auctionId = await engine.chain.create();
  for (let step = 0; step < 20; step += 1) await indexer.step();
  expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
    { auction_id: String(auctionId) },
  ]);
});

test("the sender learns what became of an end although the first endpoint stands still", async () => {
  const [auctionId = 0n] = await engine.due(1);
  const key = await engine.ask("end", auctionId);
  const sender = await engine.sender({ rpc: await frozen() });
  for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
    await sender.tick();
    await engine.mine();
  }
  expect(await engine.operation(key)).toMatchObject({ settled: true });
});
