import type { WorkerOptions } from "@temporalio/worker";

/**
 * How the workers are set, and why. Nothing is left to the SDK's defaults: those change with its versions. The figures fit a
 * process with a processor or two and 1.5 GB, which is far more than auctions need: thousands of them sleep, and a few
 * dozen end in a minute. Who has more adds workers.
 */

/**
 * How long activities may take to finish after a shutdown began. Steps of auctions are short database work and do finish; what is
 * longer (the indexer, the wallets) is told to stop, gives its lock back and is taken up elsewhere. Below src/run-process.ts's limit,
 * which is below what docker-compose and Kubernetes wait before they kill.
 */
export const SHUTDOWN_GRACE_MS = 5_000;

/** Of both workers. */
export const SHARED_TUNING = {
  shutdownGraceTime: SHUTDOWN_GRACE_MS,
  // A wallet's heartbeat time-out is 3 s: beats must not be held back for longer than a fraction of it.
  maxHeartbeatThrottleInterval: "500 milliseconds",
  // More than ten long polls bring nothing at these rates, and each costs the server a connection's worth of work.
  maxConcurrentActivityTaskPolls: 10,
} as const satisfies Partial<WorkerOptions>;

/** Of the worker that runs the processes of auctions and meetings. */
export const AUCTION_TUNING = {
  // A process in the cache is woken without reading its history again; it takes some 30 KB. Others are replayed, in
  // milliseconds, as their histories are short.
  maxCachedWorkflows: 2_000,
  // A worker that was killed leaves its sticky queue behind; the next task waits this long before anybody gets it.
  stickyQueueScheduleToStartTimeout: "5 seconds",
  // Tasks of processes are a few milliseconds of processor time, one after the other in one thread: slots beyond that only
  // hold tasks that another worker could have.
  maxConcurrentWorkflowTaskExecutions: 40,
  maxConcurrentWorkflowTaskPolls: 10,
  workflowThreadPoolSize: 1,
  // Activities mostly wait for Postgres, of whose connections the process has twenty: with five for each, none of them idles.
  maxConcurrentActivityTaskExecutions: 100,
} as const satisfies Partial<WorkerOptions>;

/** Of the worker that reads the chain and sends to it. */
export const CHAIN_TUNING = {
  // The indexer and every wallet hold one slot nearly all the time. One that finds none would not run: there are always enough.
  maxConcurrentActivityTaskExecutions: 100,
} as const satisfies Partial<WorkerOptions>;
