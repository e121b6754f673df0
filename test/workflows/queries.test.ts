// Queries that reach workflows in the instant in which they wake: an operator's page in the Temporal Web UI is enough.
import { expect, test } from "@jest/globals";
import type { WorkflowHandle } from "@temporalio/client";
import type { coresdk } from "@temporalio/proto";
import { ASK_AGAIN, interceptors } from "../../src/workflows/query-guard.ts";
import { startAuction } from "./auctions.ts";
import { endNowUpdate } from "../../src/workflows/messages.ts";
import { refusalOf, startMeeting } from "./meetings.ts";
import { ask, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

const WORKFLOWS = 10;

let world: World;
// At the end every execution is replayed, which is the point of this file.
useOwnWorld((own) => void (world = own));

/**
 * A client that asks without pause until a phase is reached. A query that is refused harms nobody. One client only: with two queries
 * and a task at once the SDK can lose the task, which the server gives again after its time-out of ten seconds.
 */
async function queryUntil(phases: readonly string[], handle: WorkflowHandle): Promise<void> {
  for (let phase = ""; !phases.includes(phase);)
    ({ phase } = await ask<{ phase: string }>(handle, "state"));
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

test("auctions replay after an update that was refused and queries that met them together with their timers", async () => {
  const auctions = await all((index) =>
    startAuction(world, { endsInMs: 4_000 + index * 90, leadMs: 200 }),
  );
  // The server drops the task of a refused update, and two events that the worker has seen with it.
  await Promise.all(
    auctions.map(async ({ handle }) => {
      const args = [{ by: "ops:alice", reason: "impatient as always" }] as const;
      const asked = handle.executeUpdate(endNowUpdate, { args: [...args] });
      expect(["not_over_yet", "the update was accepted"]).toContain(await refusalOf(asked));
    }),
  );
  await Promise.all(auctions.map((one) => queryUntil(["ending"], one.handle)));
  for (const one of auctions) await one.settle("end");
  await Promise.all(auctions.map((one) => one.handle.result()));
});

type Job = coresdk.workflow_activation.IWorkflowActivationJob;
const START_S = 1_796_053_526;

interface More {
  readonly batchIndex?: number;
  readonly isReplaying?: boolean;
}

/** A guard, and a way to bring it activations: what it lets through is counted. */
function createGuard(realTimeMs = () => (START_S + 60) * 1_000): {
  readonly apply: (startedAtNs: number, historyLength: number, job: Job, more?: More) => void;
  readonly applied: () => number;
} {
  let applied = 0;
  const guard = interceptors(realTimeMs).internals?.[0]?.activate;
  return {
    apply(nanos, historyLength, job, { batchIndex = 0, isReplaying = false }: More = {}) {
      const timestamp = { seconds: START_S as never, nanos };
      const activation = { timestamp, historyLength, isReplaying, jobs: [job] };
      guard?.({ activation, batchIndex }, () => (applied += 1));
    },
    applied: () => applied,
  };
}
const fire: Job = { fireTimer: { seq: 1 } };
const query: Job = { queryWorkflow: { queryId: "legacy" } };
const signal: Job = { signalWorkflow: { signalName: "extended" } };
const update: Job = { doUpdate: { name: "endNow" } };
const resolve: Job = { resolveActivity: { seq: 1 } };

test("more history at the time of the task before is refused, and nothing else is", () => {
  const { apply, applied } = createGuard();
  apply(1, 3, { initializeWorkflow: {} });
  apply(1, 3, query);
  // The second half of one task.
  apply(1, 3, signal, { batchIndex: 1 });
  apply(2, 8, fire);
  apply(2, 12, query);
  expect(applied()).toBe(5);
  for (const job of [fire, signal, resolve]) expect(() => apply(2, 12, job)).toThrow(ASK_AGAIN);
  // The same events in their own task, and those after the last task of a replay.
  apply(3, 13, fire);
  apply(3, 15, fire, { isReplaying: true });
  expect(applied()).toBe(7);
});

test("after a refused update, whose task the server drops, as much history as before is news too", () => {
  const { apply } = createGuard();
  apply(1, 3, { initializeWorkflow: {} });
  apply(2, 7, update);
  // Another update of the same task is no event.
  apply(2, 7, update);
  for (const job of [fire, signal, resolve]) expect(() => apply(2, 7, job)).toThrow(ASK_AGAIN);
});

test("a server whose clock went back stops nobody: the time of its tasks stands still meanwhile", () => {
  const { apply, applied } = createGuard(() => (START_S - 1) * 1_000);
  apply(5_000_000, 3, { initializeWorkflow: {} });
  apply(5_000_000, 8, fire);
  expect(applied()).toBe(2);
});
