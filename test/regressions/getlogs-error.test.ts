// ADR 9: "Where eth_getLogs fails, eth_getBlockReceipts is asked, and every endpoint." ofBlock does so only when the answer
// is incomplete; an error (a replica without the block: reth, erigon, nethermind) is thrown, as an RpcError that inRounds takes
// for a defect and gives the leadership back.
import { RpcError } from "../../src/chain/rpc.ts";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an eth_getLogs that fails at the head is asked for elsewhere", async () => {
  const rpc = engine.endpoints(2);
  await engine.index(engine.indexer({ rpc }));
  const auctionId = await engine.chain.create();
  rpc.before = async (method, _parameters, index) => {
    if (method === "eth_getLogs" && index === 0)
      throw new RpcError(method, -32_001, "Resource not found.");
  };
  await engine.index(engine.indexer({ rpc }));
  expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
    { auction_id: String(auctionId) },
  ]);
});
