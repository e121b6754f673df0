// The first endpoint's answer must be contained in the proven one: an endpoint that adds a log (a duplicate, a wrong number)
// stops the indexer although another one gives an answer that proves itself.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an endpoint that says too much does not stop the indexer while another one proves its answer", async () => {
  const rpc = engine.endpoints(2);
  const auctionId = await engine.chain.create();
  rpc.after = async (method, [filter], answer, index) => {
    const filtered = (filter as { address?: unknown } | undefined)?.address !== undefined;
    if (method !== "eth_getLogs" || index !== 0 || !filtered) return answer;
    const logs = answer as { logIndex: string }[];
    return logs.length === 0 ? logs : [...logs, { ...logs[0], logIndex: "0x63" }];
  };
  await engine.index(engine.indexer({ rpc }));
  expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
    { auction_id: String(auctionId) },
  ]);
});
