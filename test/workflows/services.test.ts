import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Context } from "@temporalio/activity";
import type { WorkflowHandle } from "@temporalio/client";
import { chainIndexerWorkflowId, TASK_QUEUES, walletWorkflowId } from "../../src/domain/process.ts";
import { getTestTemporal } from "../support/stack.ts";
import { NOTHING_REPAIRED, type Script } from "./activities.ts";
import { createWorld, detailsOf, eventsOf, until, type World } from "./world.ts";

const WALLET = "0x3333333333333333333333333333333333333333";
const WALLET_ID = walletWorkflowId(1, WALLET);

let world: World;
let folder: string;
let children: ChildProcess[] = [];
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-worker-"));
  if ("code" in world.bundle) writeFileSync(join(folder, "bundle.js"), world.bundle.code);
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

async function start(workflowId: string, type: string, input: object): Promise<WorkflowHandle> {
  return world.client.workflow.start(type, {
    workflowId,
    taskQueue: TASK_QUEUES.auction,
    args: [input],
  });
}

/** The heart beats while something is waited for: on a busy machine that takes longer than the heartbeat timeout. */
async function beating<T>(result: Promise<T>): Promise<T> {
  const context = Context.current();
  const beats = setInterval(() => context.heartbeat(), 200);
  return result.finally(() => clearInterval(beats));
}

/** A turn that is not over until the worker shuts down. */
const forEver = (): Promise<never> => beating(Context.current().cancelled);

test("a killed worker's job is handed to another one within the heartbeat timeout, and the run goes on", async () => {
  const child = spawn(
    process.execPath,
    [
      fileURLToPath(new URL("lone-worker.ts", import.meta.url)),
      world.address,
      world.namespace,
      join(folder, "bundle.js"),
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  children = [...children, child];
  const handle = await start(WALLET_ID, "wallet", { chainId: 1, address: WALLET });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  expect(line.toString()).toBe("holding attempt 1\n");
  child.kill("SIGKILL");
  await once(child, "exit");

  const over = Promise.withResolvers<"turn-over">();
  let turns = 0;
  const script: Script = {
    runWallet: () => {
      turns += 1;
      return turns === 1 ? beating(over.promise) : forEver();
    },
  };
  world.activities.script(WALLET_ID, script);
  const stop = await world.startWorkers();
  const [taken] = await until("the hand-over", () => {
    const calls = world.activities.of(WALLET_ID, "runWallet");
    return calls.length > 0 ? calls : undefined;
  });
  expect(taken).toMatchObject({ attempt: 2, args: [1, WALLET] });
  over.resolve("turn-over");
  await until("the next turn", () => turns === 2);
  const [, next] = world.activities.of(WALLET_ID, "runWallet");
  expect(next).toMatchObject({ attempt: 1 });
  const [started] = await eventsOf(handle, "activityTaskStartedEventAttributes");
  expect(started?.attributes).toMatchObject({
    attempt: 2,
    lastFailure: { timeoutFailureInfo: {} },
  });
  await handle.terminate();
  await stop();
});

describe("with a worker", () => {
  beforeAll(async () => {
    await world.startWorkers();
  });

  test.concurrent("the indexer takes turn after turn, and after fifty it goes on in a new run", async () => {
    const id = chainIndexerWorkflowId(1);
    let turns = 0;
    world.activities.script(id, {
      runIndexer: async () => {
        turns += 1;
        return turns <= 60 ? "turn-over" : forEver();
      },
    });
    const first = await start(id, "chainIndexer", { chainId: 1 });
    const firstRun = (await first.describe()).runId;
    await until("sixty turns", () => turns > 60);
    const before = world.client.workflow.getHandle(id, firstRun);
    expect((await before.describe()).status.name).toBe("CONTINUED_AS_NEW");
    expect(await eventsOf(before, "activityTaskScheduledEventAttributes")).toHaveLength(50);
    expect(world.activities.of(id).every((call) => call.args[0] === 1)).toBe(true);
    const now = world.client.workflow.getHandle(id);
    expect(await detailsOf(now)).toContain("Indexes chain 1");
    await now.terminate();
  });

  test.concurrent("an indexer that has halted looks again every minute instead of at once", async () => {
    const id = chainIndexerWorkflowId(2);
    world.activities.script(id, { runIndexer: async () => "halted" });
    const handle = await start(id, "chainIndexer", { chainId: 2 });
    const [timer] = await until("the timer", async () => {
      const timers = await eventsOf(handle, "timerStartedEventAttributes");
      return timers.length > 0 ? timers : undefined;
    });
    expect(Number(timer?.attributes.startToFireTimeout?.seconds)).toBe(60);
    expect(world.activities.of(id)).toHaveLength(1);
    await handle.terminate();
  });

  test.concurrent("reconcile answers what it repaired and shows it", async () => {
    world.activities.script("reconcile", {
      reconcile: async () => ({ ...NOTHING_REPAIRED, lostWorkflows: 2, eventSeq: 7 }),
    });
    const handle = await start("reconcile", "reconcile", {});
    expect(await handle.result()).toEqual({ ...NOTHING_REPAIRED, lostWorkflows: 2 });
    expect((await detailsOf(handle)).split("\n")).toContain("- lostWorkflows: 2");
    // By this a database that was restored from a backup is known.
    expect((await handle.describe()).memo).toEqual({ eventSeq: 7 });
  });
});
