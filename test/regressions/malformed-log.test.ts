// A log whose data is cut off passes the schema and the bloom filter (which knows addresses and topics only), and decodeLog
// throws a TypeError in every step, although another endpoint has it whole.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an endpoint that gives a log without its data does not stop the indexer while another one has it", async () => {
  const rpc = engine.endpoints(2);
  const auctionId = await engine.chain.create();
  rpc.after = async (method, _parameters, answer, index) =>
    method === "eth_getLogs" && index === 0
      ? (answer as object[]).map((log) => ({ ...log, data: "0x" }))
      : answer;
  await engine.index(engine.indexer({ rpc }));
  expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
    { auction_id: String(auctionId) },
  ]);
});
