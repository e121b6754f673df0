import { fileURLToPath } from "node:url";
import { Client } from "@temporalio/client";
import { NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { Wallet } from "ethers";
import { createAuctionActivities } from "../activities/auction.ts";
import { createChainActivities } from "../activities/chain.ts";
import { activityInterceptor } from "../activities/failures.ts";
import { createMeetingActivities } from "../activities/meeting.ts";
import { createReconcileActivities } from "../activities/reconcile.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import type { WorkerConfig } from "../config.ts";
import type { Database } from "../db/database.ts";
import { chainIndexerWorkflowId, TASK_QUEUES, walletWorkflowId } from "../domain/process.ts";
import { createRoomTokens } from "../jitsi/index.ts";
import { roomTokensOptions } from "../jitsi-options.ts";
import type { Logger } from "../logging.ts";
import type { WorkerMetrics } from "../metrics.ts";
import type { ChainFacts } from "../preflight.ts";
import type { Temporal } from "../temporal.ts";
import type * as workflows from "../workflows/index.ts";
import { OutboxRelay } from "./relay.ts";
import { ensureReconcileSchedule } from "./schedule.ts";

export interface WorkerDependencies {
  readonly config: WorkerConfig;
  readonly chain: ChainFacts;
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly temporal: Temporal;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
}

export interface RunningWorker {
  /** Rejects when a worker dies by itself. */
  readonly finished: Promise<void>;
  close(): Promise<void>;
}

/** How long activities may take to finish after a shutdown began; what is longer is cancelled and taken up elsewhere. */
const SHUTDOWN_GRACE_MS = 5_000;

/** Starts the workers of both task queues, the outbox relay, the system workflows and the Schedule. */
export async function startWorker(dependencies: WorkerDependencies): Promise<RunningWorker> {
  const { config, chain, db, rpc, temporal, logger, metrics } = dependencies;
  const client = new Client({ connection: temporal.connection, namespace: temporal.namespace });
  const leadMs = config.AUCTION_END_LEAD_S * 1000;
  const rooms = createRoomTokens(roomTokensOptions(config));
  const signers = config.PLATFORM_PRIVATE_KEY.map((key) => new Wallet(key.reveal()));

  const native = await NativeConnection.connect(temporal.options);
  const shared: Pick<
    WorkerOptions,
    | "connection"
    | "namespace"
    | "shutdownGraceTime"
    | "maxHeartbeatThrottleInterval"
    | "interceptors"
  > = {
    connection: native,
    namespace: temporal.namespace,
    shutdownGraceTime: SHUTDOWN_GRACE_MS,
    maxHeartbeatThrottleInterval: "1 second",
    interceptors: { activity: [(context) => ({ inbound: activityInterceptor(context, logger) })] },
  };
  const auctionWorker = await Worker.create({
    ...shared,
    taskQueue: TASK_QUEUES.auction,
    ...(config.WORKFLOW_BUNDLE === undefined
      ? { workflowsPath: fileURLToPath(new URL("../workflows/index.ts", import.meta.url)) }
      : { workflowBundle: { codePath: config.WORKFLOW_BUNDLE } }),
    activities: {
      ...createAuctionActivities({
        db,
        opensBeforeS: config.MEETING_OPENS_BEFORE_S,
        reminderBeforeS: config.MEETING_REMINDER_BEFORE_S,
        maxExtensionMinutes: config.MEETING_MAX_EXTENSION_MINUTES,
        onAsked: (kind) => metrics.sender.operations("created", kind, 1),
      }),
      ...createMeetingActivities({
        db,
        rooms,
        logger,
        minTogetherS: config.MEETING_MIN_TOGETHER_S,
        reviewS: config.MEETING_REVIEW_S,
      }),
      ...createReconcileActivities({
        db,
        client,
        chainId: chain.chainId,
        auctionContract: chain.auctionContract,
        leadMs,
        logger,
      }),
    },
    // A worker that was killed leaves its sticky queue behind; the next task waits this long before anybody gets it.
    stickyQueueScheduleToStartTimeout: "5 seconds",
    maxCachedWorkflows: 2_000,
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentWorkflowTaskExecutions: 40,
  });
  const stopping = new AbortController();
  const chainWorker = await Worker.create({
    ...shared,
    taskQueue: TASK_QUEUES.chain,
    activities: createChainActivities({
      db,
      rpc,
      ...chain,
      startBlock: config.AUCTION_CONTRACT_BLOCK,
      confirmations: config.CHAIN_CONFIRMATIONS,
      finalityDepth: config.CHAIN_FINALITY_DEPTH,
      signers,
      feeCaps: config.CHAIN_MAX_FEE_GWEI,
      maxBatchItems: config.CHAIN_BATCH_ITEMS,
      senderObserver: metrics.sender,
      stopping: stopping.signal,
      logger,
      indexerMetrics: metrics.indexer,
      headsMetrics: metrics.heads,
      ...(config.ETH_WSS_ENDPOINT === undefined ? {} : { headsEndpoint: config.ETH_WSS_ENDPOINT }),
    }),
  });

  const relay = new OutboxRelay({ db, client, leadMs, logger });
  const running = [auctionWorker.run(), chainWorker.run()];
  const finished = Promise.all(running).then(() => undefined);
  finished.catch(() => undefined);
  await startSystemWorkflows(
    client,
    chain.chainId,
    signers.map((one) => one.address),
  );
  await ensureReconcileSchedule(client, config.AUCTION_CHECK_INTERVAL);
  relay.start();
  logger.info("the worker is running", {
    chainId: chain.chainId,
    wallets: signers.map((one) => one.address),
  });

  return {
    finished,
    async close() {
      stopping.abort();
      await relay.close();
      for (const worker of [auctionWorker, chainWorker])
        if (worker.getState() === "RUNNING") worker.shutdown();
      await Promise.allSettled(running);
      await native.close();
    },
  };
}

/** The indexer and one sender per wallet: started once, running for ever, whichever worker serves them. */
async function startSystemWorkflows(
  client: Client,
  chainId: number,
  wallets: readonly string[],
): Promise<void> {
  const options = {
    taskQueue: TASK_QUEUES.auction,
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
  } as const;
  await client.workflow.start<typeof workflows.chainIndexer>("chainIndexer", {
    ...options,
    workflowId: chainIndexerWorkflowId(chainId),
    args: [{ chainId }],
    staticSummary: `Indexer of chain ${chainId}`,
  });
  for (const address of wallets.map((one) => one.toLowerCase())) {
    await client.workflow.start<typeof workflows.wallet>("wallet", {
      ...options,
      workflowId: walletWorkflowId(chainId, address),
      args: [{ chainId, address }],
      staticSummary: `Sender of wallet ${address}`,
    });
  }
}
