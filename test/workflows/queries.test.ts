// Queries that reach workflows in the instant in which they wake: an operator's page in the Temporal Web UI is enough.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import type { coresdk } from "@temporalio/proto";
import { ASK_AGAIN, interceptors } from "../../src/workflows/query-guard.ts";
import { getTestTemporal } from "../support/stack.ts";
import { startAuction } from "./auctions.ts";
import { startMeeting } from "./meetings.ts";
import { createWorld, until, type World } from "./world.ts";

const WORKFLOWS = 25;

let world: World;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
});
// Replays every execution, which is the point of this file.
afterAll(async () => {
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

/**
 * A client that asks without pause until a phase is reached. A query that is refused harms nobody. One client only: with two queries
 * and a task at once the SDK can lose the task, which the server gives again after its time-out of ten seconds.
 */
async function queryUntil(phases: readonly string[], handle: WorkflowHandle): Promise<void> {
  for (let phase = ""; !phases.includes(phase);)
    phase = await handle.query<{ phase: string }>("state").then(
      (state) => state.phase,
      () => "unknown",
    );
}

const all = <T>(start: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: WORKFLOWS }, (_, index) => start(index)));

test("auctions replay after queries that met them together with their timers", async () => {
  const auctions = await all((index) =>
    startAuction(world, { endsInMs: 1_500 + index * 90, leadMs: 200 }),
  );
  await Promise.all(auctions.map((one) => queryUntil(["ending"], one.handle)));
  for (const one of auctions) await one.settle("end");
  const over = await Promise.all(auctions.map((one) => one.handle.result()));
  expect(new Set(over.map(({ phase }) => phase))).toEqual(new Set(["unsold"]));
  // A timer that fired is not waited for again.
  for (const one of auctions) expect(one.requestedEnds).toHaveLength(1);
});

test("meetings replay after queries that met them together with a step that outlasted their opening", async () => {
  const meetings = await all((index) => {
    const opensInMs = 1_500 + index * 90;
    const opensAtMs = Date.now() + opensInMs;
    return startMeeting(
      world,
      { remindInMs: 0, opensInMs, endsInMs: opensInMs + 3_000 },
      { remind: () => until("the opening", () => Date.now() > opensAtMs + 100).then(() => {}) },
    );
  });
  await Promise.all(meetings.map((one) => queryUntil(["closing"], one.handle)));
  for (const one of meetings) await one.settle();
  await Promise.all(meetings.map((one) => one.handle.result()));
});

test("auctions replay after queries that met them together with messages", async () => {
  const auctions = await all((index) =>
    startAuction(world, { endsInMs: 1_500 + index * 90, leadMs: 200 }),
  );
  const asking = Promise.all(auctions.map((one) => queryUntil(["unsold"], one.handle)));
  await Promise.all(
    auctions.map(async (one, index) => {
      // Together with the timer, or shortly before or after it.
      await until("nearly the end", () => Date.now() > one.input.endsAtMs - 400 + index * 10);
      for (let extension = 1; extension <= 3; extension += 1)
        await one.extend(one.input.endsAtMs + extension * 500);
      await until("the end was asked for", () => one.requestedEnds.length > 0);
      await one.settle("end");
    }),
  );
  await asking;
  await Promise.all(auctions.map((one) => one.handle.result()));
});

const activation = (
  startedAtNs: number,
  historyLength: number,
  job: coresdk.workflow_activation.IWorkflowActivationJob,
  isReplaying = false,
): coresdk.workflow_activation.IWorkflowActivation => ({
  timestamp: { seconds: 1_796_053_526 as never, nanos: startedAtNs },
  historyLength,
  isReplaying,
  jobs: [job],
});

test("more history at the time of the task before is refused, and nothing else is", () => {
  const fire = { fireTimer: { seq: 1 } };
  const query = { queryWorkflow: { queryId: "legacy" } };
  const signal = { signalWorkflow: { signalName: "extended" } };
  let applied = 0;
  const guard = interceptors().internals?.[0]?.activate;
  const apply = (one: coresdk.workflow_activation.IWorkflowActivation): void =>
    guard?.({ activation: one, batchIndex: 0 }, () => (applied += 1));

  apply(activation(1, 3, { initializeWorkflow: {} }));
  apply(activation(1, 3, query));
  // The second half of one task.
  apply(activation(1, 3, signal));
  apply(activation(2, 8, fire));
  apply(activation(2, 12, query));
  expect(applied).toBe(5);
  for (const job of [fire, signal, { resolveActivity: { seq: 1 } }])
    expect(() => apply(activation(2, 12, job))).toThrow(ASK_AGAIN);
  // The same events in their own task, and those after the last task of a replay.
  apply(activation(3, 13, fire));
  apply(activation(3, 15, fire, true));
  expect(applied).toBe(7);
});
