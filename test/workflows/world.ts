/**
 * A namespace of the real Temporal dev server with the product's workflows, unmodified, and activities in
 * memory. Workers can be stopped and started again, as what happens meanwhile is half of what is tested.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { jest } from "@jest/globals";
import {
  Client,
  Connection,
  QueryNotRegisteredError,
  type WorkflowHandle,
} from "@temporalio/client";
import type { DataConverter } from "@temporalio/common";
import type { temporal } from "@temporalio/proto";
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
  type WorkflowBundle,
} from "@temporalio/worker";
import { TASK_QUEUES } from "../../src/domain/process.ts";
import { ASK_AGAIN } from "../../src/workflows/query-guard.ts";
import { getTestWorkflowBundle } from "../support/stack.ts";
import { FakeActivities } from "./activities.ts";
import { replayAll } from "./replays.ts";

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

export interface World {
  readonly client: Client;
  readonly namespace: string;
  readonly address: string;
  readonly activities: FakeActivities;
  readonly bundle: WorkflowBundle;
  /** Lines that a worker logged about workflow tasks it could not complete. */
  readonly taskFailures: string[];
  /** Patches that the workers do not begin: what they guard is done as the code before them did it. */
  readonly heldPatches: Set<string>;
  /** Starts a worker of each queue; the answer stops them and waits until they have. */
  startWorkers(options?: Partial<WorkerOptions>): Promise<() => Promise<void>>;
  /** A worker of auctions and meetings alone. In one process there may be several, if each is of another build. */
  startAuctionWorker(options?: Partial<WorkerOptions>): Promise<() => Promise<void>>;
  /** Stops the workers, and replays every workflow execution that they worked on. */
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly address: string;
  readonly namespace: string;
  readonly bundle?: WorkflowBundle;
  readonly dataConverter?: DataConverter;
}

const quiet = new DefaultLogger("ERROR");

/** With 0 every workflow task replays the whole history, as after a restart: `npm run test:soak` does that. */
const CACHED = process.env["TEST_MAX_CACHED_WORKFLOWS"];

/** The product's workflows, from the bundle that all files of a run share. */
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const { codePath } = await getTestWorkflowBundle();
  return { code: readFileSync(codePath, "utf8") };
}

/** Workflow code other than the product's, for what must not fit. */
export function bundleOther(path: string): Promise<WorkflowBundle> {
  return bundleWorkflowCode({ workflowsPath: path, logger: quiet });
}

/**
 * The same bundle in which the two long waits, "try a refused step again" and "ask again", take `waitMs`
 * instead of five minutes: nothing else is changed.
 */
export function impatient(bundle: WorkflowBundle, waitMs: number): WorkflowBundle {
  if (!("code" in bundle)) throw new Error("the bundle has no code");
  const waits = [
    [/RETRY_STEP_AFTER_MS = 5 \* 60_?000/g, `RETRY_STEP_AFTER_MS = ${waitMs}`, 1],
    [/ASK_AGAIN_MS = 5 \* 60_?000/g, `ASK_AGAIN_MS = ${waitMs}`, 1],
  ] as const;
  let { code } = bundle;
  for (const [wait, shorter, count] of waits) {
    const found = code.match(wait)?.length ?? 0;
    if (found !== count) throw new Error(`${wait} occurs ${found} times in the bundle`);
    code = code.replaceAll(wait, shorter);
  }
  return { ...bundle, code };
}

export async function createWorld(options: WorldOptions): Promise<World> {
  const { address, namespace, dataConverter = {} } = options;
  const taskFailures: string[] = [];
  install(taskFailures);
  const bundle = options.bundle ?? (await bundleWorkflows());
  const activities = new FakeActivities();
  const heldPatches = new Set<string>();
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace, dataConverter, identity: "test-client" });
  const stops = new Set<() => Promise<void>>();
  const bundles = new Map<string, WorkflowBundle>();

  const shared = {
    connection: native,
    namespace,
    dataConverter,
    activities: { ...activities.implementations() },
    // A task that was meant for a worker that is gone is offered to the next one after this.
    stickyQueueScheduleToStartTimeout: "500 milliseconds",
    maxHeartbeatThrottleInterval: "200 milliseconds",
  } as const;
  const auctionWorker = (workerOptions: Partial<WorkerOptions>): Promise<Worker> => {
    const identity = workerOptions.identity ?? `test-worker ${randomUUID()}`;
    bundles.set(identity, (workerOptions.workflowBundle as WorkflowBundle | undefined) ?? bundle);
    return Worker.create({
      ...shared,
      taskQueue: TASK_QUEUES.auction,
      workflowBundle: bundle,
      patchActivationCallback: ({ patchId }) => !heldPatches.has(patchId),
      ...(CACHED === undefined ? {} : { maxCachedWorkflows: Number(CACHED) }),
      ...workerOptions,
      identity,
    });
  };
  const run = (workers: readonly Worker[]): (() => Promise<void>) => {
    const running = Promise.all(workers.map((worker) => worker.run()));
    const stop = async (): Promise<void> => {
      if (!stops.delete(stop)) return;
      for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
      await running;
    };
    running.catch(() => undefined);
    stops.add(stop);
    return stop;
  };

  return {
    client,
    namespace,
    address,
    activities,
    bundle,
    taskFailures,
    heldPatches,
    startAuctionWorker: async (workerOptions = {}) => run([await auctionWorker(workerOptions)]),
    startWorkers: async (workerOptions = {}) =>
      run([
        await auctionWorker(workerOptions),
        await Worker.create({ ...shared, taskQueue: TASK_QUEUES.chain }),
      ]),
    async close() {
      try {
        await Promise.all([...stops].map((stop) => stop()));
        await replayAll(client, bundles, dataConverter);
      } finally {
        await native.close();
        await connection.close();
      }
    },
  };
}

/** One Runtime per process; it must be there before the first worker. */
function install(taskFailures: string[]): void {
  const logger = new DefaultLogger("WARN", ({ message, meta }) => {
    if (/failing workflow task|failed workflow task|TMPRL11/i.test(message))
      taskFailures.push(`${message} ${JSON.stringify(meta)}`);
  });
  Runtime.install({
    logger,
    telemetryOptions: { logging: { forward: {}, filter: { core: "ERROR", other: "ERROR" } } },
  });
}

/** Only a hang lasts so long, on the slowest machine too. A test's own limit is longer, so that `until` says what was missing. */
const GIVE_UP_AFTER_MS = 5 * 60_000;
jest.setTimeout(2 * GIVE_UP_AFTER_MS);

/** Waits until the condition holds and returns what it gave; says what it waited for when it never does. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  const giveUpAtMs = Date.now() + GIVE_UP_AFTER_MS;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.2, 100)) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false)
      return value as NonNullable<Exclude<T, false>>;
    if (Date.now() > giveUpAtMs) throw new Error(`still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Whether a query was refused because its workflow had just taken in news (docs/adr/0016-queries-never-move-a-workflow.md). */
const isRefusedQuery = (error: unknown): boolean =>
  error instanceof QueryNotRegisteredError && error.message.includes(ASK_AGAIN);

/** The answer of a query. One that is refused is asked again. */
export async function ask<T>(handle: WorkflowHandle, query: string): Promise<T> {
  for (;;) {
    try {
      return await handle.query<T>(query);
    } catch (error) {
      if (!isRefusedQuery(error)) throw error;
    }
  }
}

/** Waits until the `state` query of a workflow gives what the condition asks for. */
export function stateOf<State>(
  handle: WorkflowHandle,
  condition: (state: State) => boolean,
): Promise<State> {
  let last: State | undefined;
  return until(`the state of ${handle.workflowId}`, async () => {
    last = await ask<State>(handle, "state");
    return condition(last) ? (last as object) : undefined;
  }).then(
    (state) => state as State,
    (error: unknown) => {
      throw new Error(`${String(error)}; the last was ${JSON.stringify(last)}`, { cause: error });
    },
  );
}

export async function historyOf(handle: WorkflowHandle): Promise<HistoryEvent[]> {
  return (await handle.fetchHistory()).events ?? [];
}

type Attributes = Extract<keyof HistoryEvent, `${string}EventAttributes`>;

/** The attributes of all events of one kind, in order. */
export async function eventsOf<K extends Attributes>(
  handle: WorkflowHandle,
  kind: K,
): Promise<{ eventId: number; attributes: NonNullable<HistoryEvent[K]> }[]> {
  const found = [];
  for (const event of await historyOf(handle)) {
    const attributes = event[kind];
    if (attributes !== undefined && attributes !== null)
      found.push({ eventId: Number(event.eventId), attributes });
  }
  return found;
}

export async function statusOf(handle: WorkflowHandle): Promise<string> {
  return (await handle.describe()).status.name;
}

/**
 * When the timer that a workflow sleeps on fires, as its clock has it; undefined while it does not sleep. Read from the history:
 * the clock of a workflow is the time at which its newest task began.
 */
export async function sleepsUntil(handle: WorkflowHandle): Promise<number | undefined> {
  let nowMs = Number.NaN;
  let newest: { id: string | null | undefined; firesAtMs: number } | undefined;
  for (const event of await historyOf(handle)) {
    if (event.workflowTaskStartedEventAttributes) nowMs = msOf(event.eventTime);
    const started = event.timerStartedEventAttributes;
    if (started)
      newest = { id: started.timerId, firesAtMs: nowMs + msOf(started.startToFireTimeout) };
    const over = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes;
    if (over && over.timerId === newest?.id) newest = undefined;
  }
  return newest?.firesAtMs;
}

/** Milliseconds, as a workflow sees them: whole ones. */
function msOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}

/** What an operator reads in the Web UI. */
export async function detailsOf(handle: WorkflowHandle): Promise<string> {
  const metadata = await ask<{ currentDetails?: string }>(handle, "__temporal_workflow_metadata");
  return metadata.currentDetails ?? "";
}
