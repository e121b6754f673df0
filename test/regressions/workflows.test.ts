// Workflows that were once lost, and messages that did not reach them.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Client } from "@temporalio/client";
import { createReconcileActivities } from "../../src/activities/reconcile.ts";
import type { Database } from "../../src/db/database.ts";
import { enqueue } from "../../src/db/outbox.ts";
import { auctionWorkflowId, meetingWorkflowId } from "../../src/domain/process.ts";
import { OutboxRelay } from "../../src/workers/relay.ts";
import { AUCTION_CONTRACT, CHAIN_ID, seedAuction, seedMeeting } from "../support/api.ts";
import { openDatabase } from "../support/database.ts";
import { testLogger } from "../support/logs.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { HOST, WINNER } from "../workflows/activities.ts";
import { startAuction } from "../workflows/auctions.ts";
import { createWorld, statusOf, until, type World } from "../workflows/world.ts";

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

/** Runs reconcile over the auctions of the test's contract. */
const reconcileAll = () =>
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

describe("lost-meeting", () => {
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
    await reconcileAll();
    const running = async (workflowId: string) =>
      statusOf(world.client.workflow.getHandle(workflowId)).catch(() => "none");
    const states = [
      await running(
        auctionWorkflowId({ chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId }),
      ),
      await running(meetingWorkflowId(id)),
    ];
    expect(states).toContain("RUNNING");
  });
});

/** A one-block reorg drops a cancellation that the process has already acted on. Real Temporal, real Postgres. */
describe("cancel-taken-back", () => {
  beforeAll(async () => {
    await world.startWorkers();
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
});

/** A worker that is frozen (SIGSTOP, a stalled VM) in the middle of a delivery: Postgres sees an open, idle transaction. */
describe("frozen-relay", () => {
  test("a frozen worker's relay does not stop the messages of all the others", async () => {
    const own = await createTestDatabase();
    const pool = openDatabase(own.url);
    const delivered: string[] = [];
    const clientOf = (work: () => Promise<void>) =>
      ({
        withDeadline: (_at: number, run: () => Promise<void>) => run(),
        workflow: {
          getHandle: (id: string) => ({
            signal: async () => (await work(), void delivered.push(id)),
          }),
        },
      }) as unknown as Client;
    // A process that was stopped in the middle of a delivery: its transaction is open, its lock held.
    const frozenPool = openDatabase(own.url, { idleInTransactionTimeoutMs: 1_000 });
    const relay = (ofPool: Database, client: Client) =>
      new OutboxRelay({ db: ofPool, client, leadMs: 0, logger: testLogger() });
    await pool.transaction((tx) =>
      enqueue(tx, [{ kind: "signal", workflowId: "a", payload: { signal: "extended", args: [] } }]),
    );
    const begun = Promise.withResolvers<void>();
    const never = new Promise<never>(() => {});
    void relay(
      frozenPool,
      clientOf(() => (begun.resolve(), never)),
    ).drain();
    await begun.promise;
    const other = relay(
      pool,
      clientOf(async () => undefined),
    );
    await until("the message", async () => {
      await other.drain();
      return delivered.length > 0;
    });
    expect(delivered).toEqual(["a"]);
    await pool.close();
    await own.drop();
  });
});

describe("reconcile-alone", () => {
  test("an auction whose process Temporal refuses does not keep the next one from getting its own", async () => {
    const impossible = await seedAuction(db, { host: HOST, auctionId: "1" });
    // A year that Temporal has no date for.
    await db.query(
      "UPDATE auctions SET ends_at = to_timestamp(900000000000) WHERE auction_id = $1",
      [impossible],
    );
    const others = [await seedAuction(db, { host: HOST }), await seedAuction(db, { host: HOST })];
    expect(await reconcileAll()).toMatchObject({ lostWorkflows: 2 });
    expect(await Promise.all(others.map(processOf))).toEqual(["RUNNING", "RUNNING"]);
    expect(await processOf(impossible)).toBe("none");
  });
});
