import { randomUUID } from "node:crypto";
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from "@temporalio/client";
import { RECONCILE_SCHEDULE_ID, TASK_QUEUES } from "../domain/process.ts";
import type { reconcile } from "../workflows/services.ts";

/**
 * A run that hangs would keep every later one from beginning: the policy below skips them. One that works takes seconds, and at most
 * six minutes, its activity tried three times.
 */
const SCHEDULED_RUN_LIMIT_MS = 10 * 60_000;

/** Makes the Schedule when there is none (somebody deleted it, or the Temporal server is another); one that is there is left alone. */
export async function restoreReconcileSchedule(client: Client, cron: string): Promise<void> {
  try {
    await client.schedule.getHandle(RECONCILE_SCHEDULE_ID).describe();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await ensureReconcileSchedule(client, cron);
  }
}

/** Creates the reconcile Schedule, or brings an existing one to the configured interval. `cron` is in UTC. */
export async function ensureReconcileSchedule(client: Client, cron: string): Promise<void> {
  const options = {
    scheduleId: RECONCILE_SCHEDULE_ID,
    spec: { cronExpressions: [cron] },
    action: {
      type: "startWorkflow",
      workflowType: "reconcile",
      taskQueue: TASK_QUEUES.auction,
      args: [],
      workflowExecutionTimeout: SCHEDULED_RUN_LIMIT_MS,
      staticSummary: "Compare chain, Postgres and workflows",
    },
    // A short window: after an outage one run repairs as much as sixty would.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 minute" },
  } satisfies ScheduleOptions;
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(RECONCILE_SCHEDULE_ID).update((current) => ({
      ...current,
      spec: options.spec,
      policies: options.policies,
      action: options.action,
    }));
  }
}

/** Without a worker the run would wait for ever. */
const RUN_TIMEOUT_MS = 120_000;

/** Runs reconcile once now, and says what it put right. Needs a running worker. @throws WorkflowFailedError */
export async function reconcileNow(client: Client): Promise<Readonly<Record<string, number>>> {
  return client.workflow.execute<typeof reconcile>("reconcile", {
    workflowId: `${RECONCILE_SCHEDULE_ID}-by-hand-${randomUUID()}`,
    taskQueue: TASK_QUEUES.auction,
    args: [],
    workflowExecutionTimeout: RUN_TIMEOUT_MS,
    staticSummary: "Compare chain, Postgres and workflows (by hand)",
  });
}
