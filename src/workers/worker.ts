import { NativeConnection, type Worker, type WorkerOptions } from "@temporalio/worker";
import { activityInterceptor } from "../activities/failures.ts";
import type { Rounds } from "../activities/rounds.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import type { AuctionWorkerConfig, ChainWorkerConfig } from "../config.ts";
import type { Database } from "../db/database.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { WorkerMetrics } from "../metrics.ts";
import type { ChainFacts } from "../preflight.ts";
import type { Temporal } from "../temporal.ts";
import { ensureSearchAttributes } from "../temporal-namespace.ts";
import { createAuctionWorker } from "./auction-worker.ts";
import { createChainWorker } from "./chain-worker.ts";
import { WORKER_TIMING, type WorkerTiming } from "./timing.ts";
import { SHARED_TUNING } from "./tuning.ts";

export interface WorkerDependencies {
  readonly chain: ChainFacts;
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly temporal: Temporal;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  readonly timing?: Partial<WorkerTiming>;
  readonly rounds?: Rounds;
}

/** The worker of one task queue, and what runs beside it. */
export interface WorkerPart {
  readonly worker: Worker;
  /** Begins what runs beside the worker, once that takes tasks. */
  start(): Promise<void>;
  /** Makes again what has gone missing on the Temporal server; called now and then. */
  keep(): Promise<void>;
  /** Ends what runs beside it, before the worker stops. */
  stop(): Promise<void>;
}

export interface RunningWorker {
  /** Rejects when a worker dies by itself. */
  readonly finished: Promise<void>;
  close(): Promise<void>;
}

/** Starts the worker of auctions and meetings, the one that reads the chain and sends to it, or both. */
export async function startWorker(
  dependencies: WorkerDependencies & {
    readonly auctions?: AuctionWorkerConfig;
    readonly sending?: ChainWorkerConfig;
  },
): Promise<RunningWorker> {
  const { auctions, sending, chain, temporal, logger, timing } = dependencies;
  const { keepUpEveryMs } = { ...WORKER_TIMING, ...timing };
  const native = await NativeConnection.connect(temporal.options);
  const shared: Omit<WorkerOptions, "taskQueue"> = {
    connection: native,
    namespace: temporal.namespace,
    dataConverter: temporal.dataConverter,
    ...SHARED_TUNING,
    interceptors: { activity: [(context) => ({ inbound: activityInterceptor(context, logger) })] },
  };
  const parts: WorkerPart[] = [];
  if (auctions !== undefined) parts.push(await createAuctionWorker(dependencies, auctions, shared));
  if (sending !== undefined) parts.push(await createChainWorker(dependencies, sending, shared));
  const running = parts.map((one) => one.worker.run());
  const finished = Promise.all(running).then(() => undefined);
  finished.catch(() => undefined);
  for (const part of parts) await part.start();
  const keeper = keepUp(temporal, parts, logger, keepUpEveryMs);
  logger.info("the worker is running", {
    chainId: chain.chainId,
    queues: parts.map((one) => one.worker.options.taskQueue),
  });

  return {
    finished,
    async close() {
      clearInterval(keeper);
      for (const part of parts) await part.stop();
      for (const { worker } of parts) if (worker.getState() === "RUNNING") worker.shutdown();
      await Promise.allSettled(running);
      await native.close();
    },
  };
}

/**
 * A Temporal server that was wiped, or restored, lacks what a worker gives it at its start: search attributes, the Schedule, the
 * indexer and the wallets. Workers that go on running give it again; reconcile does the rest.
 */
function keepUp(
  { connection, namespace }: Temporal,
  parts: readonly WorkerPart[],
  logger: Logger,
  everyMs: number,
): NodeJS.Timeout {
  const keep = async (): Promise<void> => {
    const registered = await ensureSearchAttributes(connection, namespace);
    if (registered.length > 0)
      logger.warn("the namespace had lost its search attributes: they are registered again", {
        registered,
      });
    for (const part of parts) await part.keep();
  };
  return setInterval(() => {
    keep().catch((error: unknown) =>
      logger.warn("what Temporal has to have could not be looked at", { reason: messageOf(error) }),
    );
  }, everyMs);
}
