import { Context } from "@temporalio/activity";
import type { Wallet } from "ethers";
import { ChainIndexer } from "../chain/indexing/indexer.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import type { SenderObserver } from "../chain/observer.ts";
import type { FeeCaps } from "../chain/sending/fees.ts";
import { WalletSender } from "../chain/sending/sender.ts";
import { type Database, type LeaderConnection, withLeadership } from "../db/database.ts";
import { Listener } from "../db/listen.ts";
import { AppError, refused } from "../errors.ts";
import type { Logger } from "../logging.ts";

export interface ChainActivityOptions {
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
  readonly startBlock: number;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly signers: readonly Wallet[];
  /** Aborted when this worker begins to stop: the jobs end at once, and another worker takes them up. */
  readonly stopping: AbortSignal;
  readonly feeCaps: FeeCaps;
  readonly maxBatchItems: number;
  readonly logger: Logger;
  readonly senderObserver?: SenderObserver;
  readonly onIndexed?: (progress: { readonly indexed: number; readonly head: number }) => void;
  readonly onReorg?: (depth: number) => void;
}

/** An activity gives its place back well before its start-to-close time-out, so that a turn never ends as a failure. */
const TURN_MS = 50 * 60_000;
const HEARTBEAT_MS = 1_000;
const INDEXER_POLL_MS = 200;

/**
 * Holds the leadership of `name` and calls `step` until the turn is over or the worker shuts down. The heartbeat beats from
 * a timer and not from the steps: a slow node must not look like a dead worker.
 */
async function lead(
  { db, stopping }: Pick<ChainActivityOptions, "db" | "stopping">,
  name: string,
  work: (leader: LeaderConnection, running: () => boolean) => Promise<void>,
): Promise<void> {
  const context = Context.current();
  const ending = AbortSignal.any([context.cancellationSignal, stopping]);
  const startedAtMs = Date.now();
  const heart = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
  const running = (): boolean => !ending.aborted && Date.now() - startedAtMs < TURN_MS;
  try {
    await withLeadership(db, name, ending, (leader) =>
      Promise.race([work(leader, running), leader.lost]),
    );
    if (context.cancellationSignal.aborted) await context.cancelled;
    // Reported as a failure to be retried, so that another worker takes the job up at once.
    if (stopping.aborted) throw workerStopping();
  } catch (error) {
    throw stopping.aborted ? workerStopping() : error;
  } finally {
    clearInterval(heart);
  }
}

function workerStopping(): AppError {
  return new AppError({ kind: "retry", code: "worker_stopping", message: "this worker stops" });
}

/** Sleeps, but not past a wake-up. */
class Alarm {
  #ring: () => void = () => undefined;

  ring(): void {
    this.#ring();
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#ring = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The activities that own a stream or a wallet for as long as they run. */
export function createChainActivities(options: ChainActivityOptions) {
  const { db, rpc, chainId, auctionContract, logger } = options;
  return {
    /** Indexes until the turn is over. */
    async runIndexer(forChainId: number): Promise<"turn-over" | "halted"> {
      if (forChainId !== chainId)
        throw refused("wrong_chain", `this worker serves chain ${chainId}, not ${forChainId}`);
      let result: "turn-over" | "halted" = "turn-over";
      await lead(options, `chain-indexer/${chainId}`, async (leader, running) => {
        const indexer = new ChainIndexer({ ...options, db: leader });
        while (running()) {
          const step = await indexer.step();
          if (step === "halted") {
            result = "halted";
            return;
          }
          if (step === "idle") await new Promise((resolve) => setTimeout(resolve, INDEXER_POLL_MS));
        }
      });
      return result;
    },

    /** Sends the operations of one wallet until the turn is over. */
    async runWallet(forChainId: number, address: string): Promise<void> {
      const signer = options.signers.find((one) => one.address.toLowerCase() === address);
      if (forChainId !== chainId || signer === undefined)
        // Retried, and so offered to the other workers of the queue: one of them may hold the key.
        throw new AppError({
          kind: "retry",
          code: "wallet_not_here",
          message: `this worker has no key for ${address} on chain ${forChainId}`,
        });
      await lead(options, `wallet/${chainId}/${address}`, async (leader, running) => {
        const sender = new WalletSender({
          rpc,
          db: leader,
          signer,
          chainId,
          auctionContract,
          confirmations: options.confirmations,
          finalityDepth: options.finalityDepth,
          feeCaps: options.feeCaps,
          maxBatchItems: options.maxBatchItems,
          logger,
          ...(options.senderObserver === undefined ? {} : { observer: options.senderObserver }),
        });
        await sender.start();
        const alarm = new Alarm();
        const listener = new Listener(db, ["chain_operations"], () => alarm.ring());
        listener.start();
        try {
          while (running()) {
            await sender.tick();
            await alarm.sleep(sender.pollMs);
          }
        } finally {
          await listener.close();
        }
      });
    },
  };
}
