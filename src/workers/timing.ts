/** Waits of a worker that tests shorten. The product always uses WORKER_TIMING. */
export interface WorkerTiming {
  /** How often a worker checks that the Temporal server still has what a start gave it. */
  readonly keepUpEveryMs: number;
  /** When reconcile runs, instead of AUCTION_CHECK_INTERVAL; it may have seconds. */
  readonly reconcileCron: string | undefined;
  /** How long a paused wallet or a halted indexer waits before it looks again, instead of a minute. */
  readonly jobLooksAgainMs: number | undefined;
  /** For how long the chain must contradict the index before that halts, instead of half a minute. */
  readonly haltAfterMs: number | undefined;
}

export const WORKER_TIMING: WorkerTiming = {
  keepUpEveryMs: 30_000,
  reconcileCron: undefined,
  jobLooksAgainMs: undefined,
  haltAfterMs: undefined,
};
