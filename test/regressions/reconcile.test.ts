// The safety net: one auction that cannot be repaired keeps none of the others from it.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createReconcileActivities } from "../../src/activities/reconcile.ts";
import type { Database } from "../../src/db/database.ts";
import { auctionWorkflowId } from "../../src/domain/process.ts";
import { AUCTION_CONTRACT, CHAIN_ID, seedAuction } from "../support/api.ts";
import { openDatabase } from "../support/database.ts";
import { testLogger } from "../support/logs.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { HOST } from "../workflows/activities.ts";
import { createWorld, statusOf, type World } from "../workflows/world.ts";

let world: World;
let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  world = await createWorld(await getTestTemporal());
});
afterAll(async () => {
  await world?.close();
  await db?.close();
  await database?.drop();
});

const reconcile = () =>
  createReconcileActivities({
    db,
    client: world.client,
    chainId: CHAIN_ID,
    auctionContract: AUCTION_CONTRACT,
    leadMs: 200,
    eventsKeptDays: 30,
    logger: testLogger(),
  }).reconcile();

const processOf = (auctionId: string): Promise<string> =>
  statusOf(
    world.client.workflow.getHandle(
      auctionWorkflowId({ chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId }),
    ),
  ).catch(() => "none");

test("an auction whose process Temporal refuses does not keep the next one from getting its own", async () => {
  const impossible = await seedAuction(db, { host: HOST, auctionId: "1" });
  // A year that Temporal has no date for.
  await db.query("UPDATE auctions SET ends_at = to_timestamp(900000000000) WHERE auction_id = $1", [
    impossible,
  ]);
  const others = [await seedAuction(db, { host: HOST }), await seedAuction(db, { host: HOST })];
  expect(await reconcile()).toMatchObject({ lostWorkflows: 2 });
  expect(await Promise.all(others.map(processOf))).toEqual(["RUNNING", "RUNNING"]);
  expect(await processOf(impossible)).toBe("none");
});
