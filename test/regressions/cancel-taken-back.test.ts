/** A one-block reorg drops a cancellation that the process has already acted on. Real Temporal, real Postgres. */
import { createReconcileActivities } from "../../src/activities/reconcile.ts";
import { Database } from "../../src/db/database.ts";
import { testLogger } from "../support/logs.ts";
import { CHAIN_ID, seedAuction } from "../support/api.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { startAuction } from "../workflows/auctions.ts";
import { createWorld, statusOf, until, type World } from "../workflows/world.ts";

let world: World;
let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "attack" });
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
});
afterAll(async () => {
  await world.close();
  await db.close();
  await database.drop();
});

test("an auction whose cancellation left the chain has a process again, and so an end", async () => {
  const auction = await startAuction(world, { endsInMs: 3_600_000 });
  await auction.cancel(); // the indexer tells it at depth 0: CHAIN_CONFIRMATIONS is not asked
  await until("closed", async () => (await statusOf(auction.handle)) === "COMPLETED");
  // The reorg: the projection is bidding again, the relay drops the `reverted` signal (process not found).
  await auction.revert(auction.input.endsAtMs).catch(() => undefined);
  const contract = auction.input.contract;
  const id = await seedAuction(db, {
    host: auction.input.host,
    auctionId: auction.input.auctionId,
    phase: "bidding",
  });
  await db.query("UPDATE auctions SET contract = $2 WHERE auction_id = $1", [id, contract]);
  const { reconcile } = createReconcileActivities({
    db,
    client: world.client,
    chainId: CHAIN_ID,
    auctionContract: contract,
    leadMs: 200,
    eventsKeptDays: 30,
    logger: testLogger(),
  });
  await reconcile();
  expect(await statusOf(auction.handle)).toBe("RUNNING");
});
