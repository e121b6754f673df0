/**
 * A worker in a process of its own, so that a test can kill it: it holds `runIndexer` and `runWallet` for ever,
 * heart beating. Arguments: address, namespace, and a file with the workflow bundle. Prints a line per activity.
 */
import { Context } from "@temporalio/activity";
import { NativeConnection, Worker } from "@temporalio/worker";
import { TASK_QUEUES } from "../../src/domain/process.ts";

const [address = "", namespace = "", codePath = ""] = process.argv.slice(2);

async function hold(): Promise<never> {
  const context = Context.current();
  setInterval(() => context.heartbeat(), 200);
  process.stdout.write(`holding attempt ${context.info.attempt}\n`);
  return context.cancelled;
}

const connection = await NativeConnection.connect({ address });
const shared = {
  connection,
  namespace,
  maxHeartbeatThrottleInterval: "200 milliseconds",
  stickyQueueScheduleToStartTimeout: "500 milliseconds",
} as const;
const workers = [
  await Worker.create({ ...shared, taskQueue: TASK_QUEUES.auction, workflowBundle: { codePath } }),
  await Worker.create({
    ...shared,
    taskQueue: TASK_QUEUES.chain,
    activities: { runIndexer: hold, runWallet: hold },
  }),
];
await Promise.all(workers.map((worker) => worker.run()));
