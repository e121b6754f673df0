import type { WorkflowHandle } from "@temporalio/client";
import { chainIndexerWorkflowId, TASK_QUEUES, walletWorkflowId } from "../../src/domain/process.ts";
import { pauseUpdate, resumeUpdate } from "../../src/workflows/messages.ts";
import { NOTHING_REPAIRED, type Script } from "../workflows/activities.ts";
import { eventsOf, historyOf, until, type World } from "../workflows/world.ts";

/** The runs whose histories a scenario leaves, each with a name of its own. */
export type Runs = Readonly<Record<string, WorkflowHandle>>;
export type Scenario = (world: World) => Promise<Runs>;

export const WHY = { by: "ops:alice", reason: "the role is granted again" };

/** Waits until a workflow has done what it can and sleeps: what is said then wakes it up. */
export async function asleep({ handle }: { readonly handle: WorkflowHandle }): Promise<void> {
  await until(`${handle.workflowId} to sleep`, async () => {
    const last = (await historyOf(handle)).at(-1);
    return last?.timerStartedEventAttributes ?? last?.workflowExecutionUpdateCompletedEventAttributes;
  });
}

/** One of the long-lived jobs, or reconcile. */
async function startJob(
  world: World,
  type: string,
  workflowId: string,
  script: Script,
  ...args: object[]
): Promise<WorkflowHandle> {
  world.activities.script(workflowId, script);
  const options = { workflowId, taskQueue: TASK_QUEUES.auction, args };
  return world.client.workflow.start(type, options);
}

/** A turn of a job that takes a moment: a real one takes most of an hour. */
async function turn<T>(result: T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  return result;
}

/** Of the processes that belong to no auction. */
export const JOB_SCENARIOS: Readonly<Record<string, Scenario>> = {
  "operator-pauses": async (world) => {
    const address = "0x4444444444444444444444444444444444444444";
    let paused = false;
    const wallet = await startJob(world, "wallet", walletWorkflowId(9, address), {
      pauseWallet: async () => void (paused = true),
      resumeWallet: async () => void (paused = false),
      runWallet: () => turn(paused ? "paused" : "turn-over"),
    }, { chainId: 9, address });
    await wallet.executeUpdate(pauseUpdate, { args: [WHY] });
    await until("the pause", async () => (await eventsOf(wallet, "timerStartedEventAttributes"))[0]);
    await wallet.executeUpdate(resumeUpdate, { args: [WHY] });
    const turns = world.activities.of(wallet.workflowId, "runWallet").length;
    await until("turns", () => world.activities.of(wallet.workflowId, "runWallet").length > turns + 1);
    await wallet.terminate();
    return { wallet };
  },

  "indexer-halted": async (world) => {
    let turns = 0;
    const runIndexer = (): Promise<"halted" | "turn-over"> =>
      turn((turns += 1) < 3 ? "turn-over" : "halted");
    const id = chainIndexerWorkflowId(9);
    const indexer = await startJob(world, "chainIndexer", id, { runIndexer }, { chainId: 9 });
    await asleep({ handle: indexer });
    await indexer.terminate();
    return { indexer };
  },

  reconciled: async (world) => {
    const reconcile = await startJob(world, "reconcile", "reconcile-recorded", {
      reconcile: async () => ({ ...NOTHING_REPAIRED, lostWorkflows: 2, eventSeq: 7 }),
    });
    await reconcile.result();
    return { reconcile };
  },
};
