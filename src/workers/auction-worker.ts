import type { Client } from "@temporalio/client";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { createAuctionActivities } from "../activities/auction.ts";
import { createMeetingActivities } from "../activities/meeting.ts";
import { createOperatorActivities } from "../activities/operators.ts";
import { createReconcileActivities } from "../activities/reconcile.ts";
import type { AuctionWorkerConfig } from "../config.ts";
import { readVitals } from "../db/vitals.ts";
import { TASK_QUEUES } from "../domain/process.ts";
import { createRoomTokens } from "../jitsi/index.ts";
import { roomTokensOptions } from "../jitsi-options.ts";
import { createVitalMetrics } from "../vital-metrics.ts";
import { WORKFLOWS_PATH } from "./bundle.ts";
import { OutboxRelay } from "./relay.ts";
import { ensureReconcileSchedule, restoreReconcileSchedule } from "./schedule.ts";
import type { WorkerDependencies, WorkerPart } from "./worker.ts";

/** Runs every workflow and the activities of auctions and meetings, tells Temporal what the database says, and keeps the Schedule. */
export async function createAuctionWorker(
  { chain, db, rpc, logger, metrics }: WorkerDependencies,
  config: AuctionWorkerConfig,
  client: Client,
  shared: Omit<WorkerOptions, "taskQueue">,
): Promise<WorkerPart> {
  const leadMs = config.AUCTION_END_LEAD_S * 1000;
  const onAsked = (kind: "end" | "mint" | "settle"): void =>
    metrics.sender.operations("created", kind, 1);
  createVitalMetrics(
    metrics.registry,
    () => readVitals(db, chain.chainId, chain.auctionContract),
    (error) => logger.warn("the figures of the database could not be read", { error }),
  );
  const worker = await Worker.create({
    ...shared,
    taskQueue: TASK_QUEUES.auction,
    ...(config.WORKFLOW_BUNDLE === undefined
      ? { workflowsPath: WORKFLOWS_PATH }
      : { workflowBundle: { codePath: config.WORKFLOW_BUNDLE } }),
    activities: {
      ...createAuctionActivities({
        db,
        opensBeforeS: config.MEETING_OPENS_BEFORE_S,
        reminderBeforeS: config.MEETING_REMINDER_BEFORE_S,
        maxExtensionMinutes: config.MEETING_MAX_EXTENSION_MINUTES,
        onAsked,
      }),
      ...createMeetingActivities({
        db,
        rooms: createRoomTokens(roomTokensOptions(config)),
        logger,
        minTogetherS: config.MEETING_MIN_TOGETHER_S,
        reviewS: config.MEETING_REVIEW_S,
        onAsked,
      }),
      ...createOperatorActivities({ db, rpc, logger }),
      ...createReconcileActivities({
        db,
        client,
        chainId: chain.chainId,
        auctionContract: chain.auctionContract,
        leadMs,
        opensBeforeS: config.MEETING_OPENS_BEFORE_S,
        reminderBeforeS: config.MEETING_REMINDER_BEFORE_S,
        finalityDepth: config.CHAIN_FINALITY_DEPTH,
        onRepaired: metrics.repaired,
        eventsKeptDays: config.EVENTS_KEPT_DAYS,
        logger,
      }),
    },
    // A worker that was killed leaves its sticky queue behind; the next task waits this long before anybody gets it.
    stickyQueueScheduleToStartTimeout: "5 seconds",
    maxCachedWorkflows: 2_000,
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentWorkflowTaskExecutions: 40,
  });
  const relay = new OutboxRelay({ db, client, leadMs, logger });
  return {
    worker,
    async start() {
      await ensureReconcileSchedule(client, config.AUCTION_CHECK_INTERVAL);
      relay.start();
    },
    keep: () => restoreReconcileSchedule(client, config.AUCTION_CHECK_INTERVAL),
    stop: () => relay.close(),
  };
}
