import type { Database } from "../db/database.ts";
import { isWalletPaused } from "../db/operators.ts";
import { AppError, refused } from "../errors.ts";
import type { ChainJobs } from "./chain-jobs.ts";
import { lead } from "./leading.ts";

export interface ChainActivityOptions {
  readonly db: Database;
  readonly chainId: number;
  readonly jobs: ChainJobs;
  /** Aborted when this worker begins to stop: the jobs end at once, and another worker takes them up. */
  readonly stopping: AbortSignal;
}

/** The activities that hold a job for as long as they run. */
export function createChainActivities(options: ChainActivityOptions) {
  const { db, chainId, jobs } = options;
  return {
    /** Indexes until the turn is over. */
    async runIndexer(forChainId: number): Promise<"turn-over" | "halted"> {
      if (forChainId !== chainId)
        throw refused("wrong_chain", `this worker serves chain ${chainId}, not ${forChainId}`);
      return lead(options, jobs.indexer);
    },

    /** Sends the operations of one wallet until the turn is over, or an operator pauses it. */
    async runWallet(forChainId: number, address: string): Promise<"turn-over" | "paused"> {
      const job = jobs.wallets.get(address);
      if (forChainId !== chainId || job === undefined)
        // Retried, and so offered to the other workers of the queue: one of them may hold the key.
        throw new AppError({
          kind: "retry",
          code: "wallet_not_here",
          message: `this worker has no key for ${address} on chain ${forChainId}`,
        });
      if (await isWalletPaused(db, chainId, address)) return "paused";
      return lead(options, job);
    },
  };
}
