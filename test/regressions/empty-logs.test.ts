import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { loadAuction } from "../../src/chain/indexing/auctions.ts";
import { Engine } from "../chain/support.ts";

let engine: Engine;
beforeEach(async () => {
  engine = await Engine.start();
});
afterEach(() => engine.stop());

test("an empty eth_getLogs answer that the block's bloom contradicts loses no auction", async () => {
  const { chain } = engine;
  const indexer = engine.indexer();
  await engine.index(indexer);
  const auctionId = await chain.create();
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getLogs" ? [] : answer;
  await engine.index(indexer).catch(() => undefined); // may well say: try again
  engine.rpc.calm();
  await engine.mine();
  await engine.index(indexer);
  const auction = await loadAuction(engine.db, engine.chainId, engine.contract, String(auctionId));
  expect(auction).toBeDefined();
});

test("and does not stop the index for ever at the next bid", async () => {
  const { chain } = engine;
  const indexer = engine.indexer();
  await engine.index(indexer);
  const auctionId = await chain.create();
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getLogs" ? [] : answer;
  await engine.index(indexer).catch(() => undefined);
  engine.rpc.calm();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  await expect(engine.index(engine.indexer())).resolves.toBe("idle");
});
