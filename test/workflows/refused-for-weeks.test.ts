import { getTestTemporal } from "../support/stack.ts";
import { failure } from "./activities.ts";
import { SALE, startDue, tagsOf } from "./auctions.ts";
import {
  bundleWorkflows,
  createWorld,
  eventsOf,
  historyOf,
  impatient,
  until,
  type World,
} from "./world.ts";

/** Waits of a moment instead of five minutes. */
const WAIT_MS = 20;

let world: World;
beforeAll(async () => {
  const bundle = impatient(await bundleWorkflows(), WAIT_MS);
  world = await createWorld({ ...(await getTestTemporal()), bundle });
  await world.startWorkers();
});
afterAll(async () => {
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

test.concurrent("what is refused for weeks is tried ever more rarely, and no run's history grows without bound", async () => {
  let tries = 0;
  const auction = await startDue(world, {
    continueAfterEvents: 60,
    script: {
      arrangeMeeting: async () => {
        tries += 1;
        throw failure("meeting_refused", "not now", true);
      },
    },
  });
  await until("the request", () => auction.requestedEnds.length > 0);
  await auction.settle("end", SALE);
  const runs = new Set<string>();
  await until("many tries", async () => {
    runs.add((await auction.handle.describe()).runId);
    return runs.size > 2;
  });
  expect(tries).toBeGreaterThan(5);
  // A run that has just begun shows the refusal once it has tried again itself.
  await until("the refusal to be shown", async () => {
    const { phase, failureCode, needsOperator } = await tagsOf(auction);
    return phase === "sold" && failureCode === "arrangeMeeting:meeting_refused" && needsOperator;
  });
  for (const runId of runs) {
    const run = world.client.workflow.getHandle(auction.id, runId);
    expect((await historyOf(run)).length).toBeLessThan(100);
  }
  // The end that is known is not asked for again by each run.
  expect(auction.requestedEnds).toHaveLength(1);
  const second = world.client.workflow.getHandle(auction.id, [...runs][1]);
  const waits = (await eventsOf(second, "timerStartedEventAttributes")).map(
    ({ attributes }) => Number(attributes.startToFireTimeout?.nanos) / 1e6,
  );
  expect(waits.slice(0, 3)).toEqual([WAIT_MS, 2 * WAIT_MS, 4 * WAIT_MS]);
  await auction.handle.terminate();
});

test.concurrent("an operation that is refused each time it is asked for is asked for ever more rarely, in run after run", async () => {
  let asked = 0;
  const auction = await startDue(world, {
    continueAfterEvents: 60,
    script: {
      requestEnd: async () => {
        asked += 1;
        // As the database answers: what came of it the last time.
        await auction.settle("end", { status: "refused", reason: "transaction_reverted" });
      },
    },
  });
  const runs = new Set<string>();
  await until("many requests", async () => {
    runs.add((await auction.handle.describe()).runId);
    return asked > 10 && runs.size > 1;
  });
  expect(runs.size).toBeGreaterThan(1);
  for (const runId of runs)
    expect(
      (await historyOf(world.client.workflow.getHandle(auction.id, runId))).length,
    ).toBeLessThan(120);
  expect(await auction.state(({ problem }) => problem !== null)).toMatchObject({
    problem: "end: transaction_reverted",
  });
  await auction.settle("end");
  expect(await auction.handle.result()).toMatchObject({ phase: "unsold", problem: null });
});
