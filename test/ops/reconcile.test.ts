/** Each repair of reconcile, after a test has broken what it mends. */
import { createAuctionActivities } from "../../src/activities/auction.ts";
import { createReconcileActivities, type Repair } from "../../src/activities/reconcile.ts";
import { requestOperation } from "../../src/chain/sending/operations.ts";
import { createMetrics } from "../../src/metrics.ts";
import {
  auctionWorkflowId,
  meetingWorkflowId,
  operationKey,
  TASK_QUEUES,
} from "../../src/domain/process.ts";
import { Database } from "../../src/db/database.ts";
import { enqueue } from "../../src/db/outbox.ts";
import { Engine } from "../chain/support.ts";
import { testLogger } from "../support/logs.ts";
import { asPart } from "../support/roles.ts";
import { getTestTemporal } from "../support/stack.ts";
import { createWorld, statusOf, type World } from "../workflows/world.ts";
import { meetingOf, NOTHING_REPAIRED } from "../workflows/activities.ts";
import type { meeting as meetingWorkflow } from "../../src/workflows/meeting.ts";

let world: World;
let engine: Engine;
/** As the process that runs reconcile logs in. */
let db: Database;
const metrics = createMetrics();
/** What the last run gave as the highest event. */
let mark = 0;

beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
  engine = await Engine.start();
  db = new Database({
    url: asPart(engine.databaseUrl, "auctionWorker"),
    applicationName: "test",
  });
});
afterAll(async () => {
  await db.close();
  await engine.stop();
  await world.close();
});

async function reconcile(): Promise<Record<string, number>> {
  const { chainId, contract } = engine;
  const activities = createReconcileActivities({
    db,
    client: world.client,
    chainId,
    auctionContract: contract,
    leadMs: 200,
    eventsKeptDays: 30,
    finalityDepth: 3,
    onRepaired: metrics.repaired,
    logger: testLogger(),
  });
  const { eventSeq = 0, ...repaired } = await activities.reconcile();
  expect(eventSeq).toBeGreaterThan(0);
  mark = eventSeq;
  return repaired;
}

/** What reconcile repairs now, without what it finds in order. */
async function repairs(): Promise<Partial<Record<Repair, number>>> {
  return Object.fromEntries(Object.entries(await reconcile()).filter(([, count]) => count > 0));
}

const ref = (auctionId: bigint | string) => ({
  chainId: engine.chainId,
  contract: engine.contract,
  auctionId: String(auctionId),
});

async function isRunning(workflowId: string): Promise<boolean> {
  return statusOf(world.client.workflow.getHandle(workflowId)).then(
    (status) => status === "RUNNING",
    () => false,
  );
}

/** An auction that people bid on, with its process. */
async function open(): Promise<bigint> {
  const id = await engine.chain.create();
  await engine.chain.bid(id, engine.chain.person(0), 2_000n);
  await engine.index();
  await reconcile();
  expect(await isRunning(auctionWorkflowId(ref(id)))).toBe(true);
  return id;
}

test("a lost process is started again, and one that runs is left alone", async () => {
  const [lost, kept] = [await open(), await open()];
  const handle = world.client.workflow.getHandle(auctionWorkflowId(ref(lost)));
  const other = await world.client.workflow.getHandle(auctionWorkflowId(ref(kept))).describe();
  await handle.terminate("broken by a test");
  expect(await repairs()).toEqual({ lostWorkflows: 1 });
  expect(await isRunning(handle.workflowId)).toBe(true);
  const after = await world.client.workflow.getHandle(auctionWorkflowId(ref(kept))).describe();
  expect(after.runId).toBe(other.runId);
  expect(await repairs()).toEqual({});
  const metric = await metrics.registry.metrics();
  expect(metric).toMatch(/reconcile_repairs_total\{repair="lostWorkflows"\} [1-9]/);
});

test("a missing projection is made again from the logs, with its bids", async () => {
  const id = String(await open());
  const rows = () =>
    engine.db.query(
      "SELECT phase, high_bid_wei, bid_count, steps FROM auctions WHERE auction_id = $1",
      [id],
    );
  const bids = () => engine.db.query("SELECT * FROM bids WHERE auction_id = $1", [id]);
  const before = { rows: await rows(), bids: await bids() };
  expect(before.bids).toHaveLength(1);
  await engine.db.query("DELETE FROM auctions WHERE auction_id = $1", [id]);
  await engine.db.query("DELETE FROM bids WHERE auction_id = $1", [id]);
  expect(await repairs()).toEqual({ missingProjections: 1 });
  expect({ rows: await rows(), bids: await bids() }).toEqual(before);
  expect(await repairs()).toEqual({});
});

test("an operation that somebody else has done is answered once nothing can take that back", async () => {
  const [id = 0n] = await engine.due(1);
  await engine.index();
  const key = await engine.ask("end", id);
  // The wallet has no money; somebody ends the auction for us.
  await engine.chain.end(id);
  await engine.index();
  await reconcile();
  expect(await engine.isSettled(key)).toBe(false);
  for (let block = 0; block < 4; block += 1) await engine.mine();
  await engine.index();
  expect(await repairs()).toMatchObject({ stuckOperations: 1 });
  expect(await engine.operation(key)).toMatchObject({
    settled: true,
    state: "final",
    reason: "done_by_other",
  });
  const told = (await engine.signals()).findLast((one) => one.args[0]?.["key"] === key);
  expect(told).toMatchObject({
    signal: "operationSettled",
    args: [{ status: "done", kind: "end" }],
  });
  // Whoever asks again is told again, and nothing is sent.
  await engine.db.transaction((tx) =>
    requestOperation(tx, {
      ...ref(id),
      key: operationKey("end", ref(id)),
      kind: "end",
      notBeforeS: 0,
      workflowId: auctionWorkflowId(ref(id)),
    }),
  );
  expect(await engine.operation(key)).toMatchObject({ state: "final", settled: true });
});

test("a message that waits after many failures is tried again at once", async () => {
  await engine.db.query("UPDATE outbox SET delivered_at = now()");
  await enqueue(engine.db, [
    { kind: "signal", workflowId: "auction/1/0x/1", payload: { signal: "extended", args: [] } },
  ]);
  await engine.db.query(
    "UPDATE outbox SET attempts = 9, not_before = now() + interval '1 hour', created_at = now() - interval '1 hour' WHERE delivered_at IS NULL",
  );
  expect(await repairs()).toMatchObject({ stuckMessages: 1 });
  const due = await engine.db.query(
    "SELECT FROM outbox WHERE delivered_at IS NULL AND not_before <= now()",
  );
  expect(due).toHaveLength(1);
  await engine.db.query("UPDATE outbox SET delivered_at = now()");
});

test("what an earlier run has seen stays known, whatever the database says since", async () => {
  const workflowId = "reconcile-before-the-accident";
  world.activities.script(workflowId, {
    reconcile: async () => ({ ...NOTHING_REPAIRED, eventSeq: 5_000_000 }),
  });
  const options = { workflowId, taskQueue: TASK_QUEUES.auction, args: [] };
  await world.client.workflow.execute("reconcile", options);
  const listed = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'Completed'`;
  while ((await world.client.workflow.count(listed)).count === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await reconcile();
  expect(mark).toBe(5_000_000);
});

test.each(["unsold", "cancelled"] as const)(
  "a host who was not told that an auction is %s is told, once",
  async (phase) => {
    await reconcile();
    const { chain } = engine;
    const id = await chain.create();
    if (phase === "unsold") await chain.end(id);
    else await chain.send(chain.host, "cancel", [id]);
    await engine.index();
    // The chain of the tests is ahead of the clock that processes sleep by.
    await engine.db.query("UPDATE auctions SET ends_at = now() WHERE auction_id = $1", [
      String(id),
    ]);
    expect(await repairs()).not.toHaveProperty("untoldOutcomes");
    for (let block = 0; block < 4; block += 1) await engine.mine();
    await engine.index();
    expect(await repairs()).toMatchObject({ untoldOutcomes: 1 });
    const handle = world.client.workflow.getHandle(auctionWorkflowId(ref(id)));
    expect(await handle.result()).toMatchObject({ phase });
    const step = phase === "unsold" ? "announceUnsold" : "announceCancelled";
    expect(world.activities.names(handle.workflowId)).toEqual([step]);
    // As the step, which tests script here, would have it.
    const { [step]: announce } = createAuctionActivities({
      db,
      opensBeforeS: 0,
      reminderBeforeS: 0,
      maxExtensionMinutes: 0,
    });
    await announce(ref(id));
    expect(await repairs()).not.toHaveProperty("untoldOutcomes");
    await engine.db.query("UPDATE outbox SET delivered_at = now()");
  },
);

/** A sold auction with its pass, as the chain has it. */
async function sold(): Promise<{ auctionId: string; winner: string; host: string; salt: string }> {
  const [id = 0n] = await engine.due(1);
  await engine.chain.end(id);
  await engine.chain.send(engine.signer.address, "mintPasses", [[id]]);
  await engine.index();
  const [row] = await engine.db.query<{ winner: string; host: string; salt: string }>(
    "SELECT winner, host, salt FROM auctions WHERE auction_id = $1",
    [String(id)],
  );
  if (row === undefined) throw new Error("there is no auction");
  return { auctionId: String(id), ...row };
}

test("a meeting past its end whose process was ended by hand gets one, that closes it", async () => {
  const { auctionId, winner, host, salt } = await sold();
  const [row] = await engine.db.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, state, starts_at, ends_at, latest_ends_at, auction_salt)
     VALUES ($1, $2, $3, $4, $5, 'room-of-the-past', 'open', now() - interval '2 hours', now() - interval '1 hour', now(), $6) RETURNING id`,
    [engine.chainId, engine.contract, auctionId, host, winner, salt],
  );
  const id = meetingWorkflowId(row?.id ?? "");
  const input = meetingOf(ref(auctionId), { meetingId: row?.id ?? "", host, winner });
  const ended = await world.client.workflow.start<typeof meetingWorkflow>("meeting", {
    workflowId: id,
    taskQueue: TASK_QUEUES.auction,
    args: [input],
  });
  await ended.terminate("broken by a test");
  expect(await repairs()).toEqual({ overdueMeetings: 1 });
  const handle = world.client.workflow.getHandle(id);
  while (!world.activities.names(id).includes("closeMeeting"))
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await handle.describe()).status.name).toBe("RUNNING");
  await handle.signal("operationSettled", { key: "k", kind: "settle", status: "done" });
  await handle.result();
  await engine.db.query("UPDATE meetings SET state = 'closed' WHERE id = $1", [row?.id]);
});

test("a meeting that only its process knows is written down again, and its auction gets no second one", async () => {
  // What the tests before have left undone on the chain.
  await reconcile();
  const { auctionId, winner, host } = await sold();
  const meetingId = "01900000-0000-7000-8000-000000000001";
  await world.client.workflow.start<typeof meetingWorkflow>("meeting", {
    workflowId: meetingWorkflowId(meetingId),
    taskQueue: TASK_QUEUES.auction,
    args: [meetingOf(ref(auctionId), { meetingId, host, winner })],
  });
  // While the projections are built again nothing is concluded from them, and nothing is started instead.
  await engine.db.query(
    "INSERT INTO chain_rebuilds (chain_id, genesis_hash, until_block) SELECT chain_id, genesis_hash, block_number + 100 FROM chain_cursors",
  );
  const listed = `WorkflowId = '${meetingWorkflowId(meetingId)}' AND ExecutionStatus = 'Running'`;
  while ((await world.client.workflow.count(listed)).count === 0)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await repairs()).toEqual({});
  await engine.db.query("DELETE FROM chain_rebuilds");
  while (!(await repairs()).restoredMeetings)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const rows = await engine.db.query(
    "SELECT id, state, winner FROM meetings WHERE auction_id = $1",
    [auctionId],
  );
  expect(rows).toEqual([{ id: meetingId, state: "scheduled", winner }]);
  expect(await isRunning(auctionWorkflowId(ref(auctionId)))).toBe(false);
  expect(await repairs()).toEqual({});
});
