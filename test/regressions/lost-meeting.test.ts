import { createReconcileActivities } from "../../src/activities/reconcile.ts";
import { Database } from "../../src/db/database.ts";
import { meetingWorkflowId } from "../../src/domain/process.ts";
import { testLogger } from "../support/logs.ts";
import { AUCTION_CONTRACT, CHAIN_ID, seedAuction, seedMeeting } from "../support/api.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { HOST, WINNER } from "../workflows/activities.ts";
import { createWorld, statusOf, type World } from "../workflows/world.ts";
import { auctionWorkflowId } from "../../src/domain/process.ts";

let world: World;
let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "attack" });
  world = await createWorld(await getTestTemporal());
});
afterAll(async () => {
  await world.close();
  await db.close();
  await database.drop();
});

test("a sold auction whose meeting is written down but has no process (Temporal restored or reset) gets one", async () => {
  const auctionId = await seedAuction(db, {
    host: HOST,
    winner: WINNER,
    highBidder: WINNER,
    highBidWei: "5",
    phase: "sold",
  });
  const { id } = await seedMeeting(db, {
    auctionId,
    host: HOST,
    winner: WINNER,
    state: "scheduled",
  });
  const { reconcile } = createReconcileActivities({
    db,
    client: world.client,
    chainId: CHAIN_ID,
    auctionContract: AUCTION_CONTRACT,
    leadMs: 200,
    eventsKeptDays: 30,
    logger: testLogger(),
  });
  await reconcile();
  const running = async (workflowId: string) =>
    statusOf(world.client.workflow.getHandle(workflowId)).catch(() => "none");
  const states = [
    await running(auctionWorkflowId({ chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId })),
    await running(meetingWorkflowId(id)),
  ];
  expect(states).toContain("RUNNING");
});
