import { proxyActivities } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { TASK_QUEUES } from "./messages.ts";

/**
 * The steps of an auction and of its meeting. An outage may last longer than any count of attempts: what may not be given
 * up is tried for as long as it takes.
 */
export const steps = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.auction,
  // Short database work: a worker that is killed in the middle of a step must not hold an end up for long.
  startToCloseTimeout: "10 seconds",
  retry: { initialInterval: "500 milliseconds", maximumInterval: "20 seconds" },
});

/**
 * Steps that nothing else waits for: after a while of failing they are given up for now, so that the problem is shown to
 * operators instead of being tried in silence.
 */
export const sideSteps = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.auction,
  startToCloseTimeout: "30 seconds",
  scheduleToCloseTimeout: "2 minutes",
  retry: { initialInterval: "1 second", maximumInterval: "20 seconds" },
});

/** The safety net under the sender's signals: how often an operation that did not settle is asked for again. */
export const ASK_AGAIN_MS = 5 * 60_000;
