import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { Engine } from "./support.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());

test("npm run reindex empties the projections, and the indexer builds the same ones again, also from a halted stream", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  await engine.index();
  const projected = (): Promise<object[]> =>
    engine.db.query("SELECT auction_id, phase, high_bid_wei, bid_count, steps FROM auctions");
  const before = await projected();
  const events = await engine.db.query("SELECT id FROM events ORDER BY seq");
  await engine.db.query("UPDATE chain_cursors SET state = 'halted', reason = 'a deep reorg'");

  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(repositoryRoot, "src/reindex.ts")],
    { env: { PATH: process.env["PATH"], DATABASE_URL: engine.databaseUrl } },
  );
  expect(stdout).toContain("chain 31337: the projections are emptied");
  expect(await projected()).toEqual([]);
  expect(await engine.index()).toBe("idle");
  expect(await projected()).toEqual(before);
  // Nobody is told anything twice.
  expect(await engine.db.query("SELECT id FROM events ORDER BY seq")).toEqual(events);
});
