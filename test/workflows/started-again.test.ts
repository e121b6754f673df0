// What the indexer writes when the chain takes back an end, carried by the relay to a process that has come to its end.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Database } from "../../src/db/database.ts";
import { enqueue, type OutboxMessage } from "../../src/db/outbox.ts";
import { OutboxRelay } from "../../src/workers/relay.ts";
import { openDatabase } from "../support/database.ts";
import { testLogger } from "../support/logs.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { SALE, startDue, type TestAuction } from "./auctions.ts";
import { createWorld, statusOf, until, type World } from "./world.ts";

let world: World;
let database: TestDatabase;
let db: Database;
let relay: OutboxRelay;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
  relay = new OutboxRelay({ db, client: world.client, leadMs: 200, logger: testLogger() });
});
afterAll(async () => {
  await world.close();
  await db.close();
  await database.drop();
  expect(world.taskFailures).toEqual([]);
});

async function deliver(...messages: readonly OutboxMessage[]): Promise<void> {
  await db.transaction((tx) => enqueue(tx, messages));
  while ((await relay.drain()) > 0);
}

const start = (auction: TestAuction, again: boolean): OutboxMessage => ({
  kind: "start-auction",
  workflowId: auction.id,
  payload: auction.input,
  again,
});

test("a process that has come to its end runs again for what the chain took back, and only then", async () => {
  const auction = await startDue(world);
  await auction.state(({ phase }) => phase === "ending");
  await auction.settle("end", { blockNumber: 3 });
  expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });

  await deliver(start(auction, false));
  expect(await statusOf(auction.handle)).toBe("COMPLETED");

  const { endsAtMs } = auction.input;
  const reverted = { endsAtMs, cancelled: false, blockNumber: 2, undone: ["end"] };
  await deliver(start(auction, true), {
    kind: "signal",
    workflowId: auction.id,
    payload: { signal: "reverted", args: [reverted] },
  });
  expect(await statusOf(auction.handle)).toBe("RUNNING");
  await until("the end to be asked for again", () => auction.requestedEnds.length >= 2);
  // One that runs is left alone.
  const { runId } = await auction.handle.describe();
  await deliver(start(auction, true));
  expect((await auction.handle.describe()).runId).toBe(runId);

  await auction.settle("end", { ...SALE, blockNumber: 4 });
  await auction.state(({ meetingId }) => meetingId !== null);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
});
