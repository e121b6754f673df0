import { Worker, type WorkerOptions } from "@temporalio/worker";
import { createAuctionActivities } from "../activities/auction.ts";
import { createMeetingActivities } from "../activities/meeting.ts";
import { createOperatorActivities } from "../activities/operators.ts";
import { runningMeetingOf } from "../activities/repairs/meetings.ts";
import { createReconcileActivities } from "../activities/reconcile.ts";
import type { AuctionWorkerConfig } from "../config.ts";
import { readVitals } from "../db/vitals.ts";
import { TASK_QUEUES } from "../domain/process.ts";
import { createRoomTokens } from "../jitsi/index.ts";
import { roomTokensOptions } from "../jitsi-options.ts";
import { createVitalMetrics } from "../vital-metrics.ts";
import { deploymentOptions, loadBuild } from "./builds.ts";
import { PatchHold } from "./patch-hold.ts";
import { OutboxRelay } from "./relay.ts";
import { ensureReconcileSchedule, restoreReconcileSchedule } from "./schedule.ts";
import { AUCTION_TUNING } from "./tuning.ts";
import type { WorkerDependencies, WorkerPart } from "./worker.ts";

/** Runs every workflow and the activities of auctions and meetings, tells Temporal what the database says, and keeps the Schedule. */
export async function createAuctionWorker(
  { chain, db, rpc, temporal, logger, metrics, timing }: WorkerDependencies,
  config: AuctionWorkerConfig,
  shared: Omit<WorkerOptions, "taskQueue">,
): Promise<WorkerPart> {
  const { client, connection, namespace } = temporal;
  const leadMs = config.AUCTION_END_LEAD_S * 1000;
  const reconcileCron = timing?.reconcileCron ?? config.AUCTION_CHECK_INTERVAL;
  const onAsked = (kind: "end" | "mint" | "settle"): void =>
    metrics.sender.operations("created", kind, 1);
  createVitalMetrics(
    metrics.registry,
    () => readVitals(db, chain.chainId, chain.auctionContract),
    (error) => logger.warn("the figures of the database could not be read", { error }),
  );
  const { id: buildId, code } = await loadBuild(config);
  const { TEMPORAL_DEPLOYMENT_NAME: deploymentName } = config;
  const taskQueue = TASK_QUEUES.auction;
  const patches =
    deploymentName === undefined
      ? new PatchHold({ connection, namespace, taskQueue, buildId, logger })
      : undefined;
  await patches?.look();
  const worker = await Worker.create({
    ...shared,
    ...AUCTION_TUNING,
    taskQueue,
    workflowBundle: { code },
    workerDeploymentOptions: deploymentOptions(buildId, deploymentName),
    ...(patches === undefined ? {} : { patchActivationCallback: patches.isActive }),
    activities: {
      ...createAuctionActivities({
        db,
        opensBeforeS: config.MEETING_OPENS_BEFORE_S,
        reminderBeforeS: config.MEETING_REMINDER_BEFORE_S,
        maxExtensionMinutes: config.MEETING_MAX_EXTENSION_MINUTES,
        runningMeetingOf: (ref) => runningMeetingOf({ client }, ref),
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
  });
  const relay = new OutboxRelay({ db, client, leadMs, logger });
  return {
    worker,
    async start() {
      await ensureReconcileSchedule(client, reconcileCron);
      relay.start();
    },
    async keep() {
      await restoreReconcileSchedule(client, reconcileCron);
      await patches?.look();
    },
    stop: () => relay.close(),
  };
}
