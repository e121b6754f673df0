import { ChainIndexer, type IndexerOptions } from "../chain/indexing/indexer.ts";
import { HeadStream, type HeadStreamOptions } from "../chain/heads.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import type { SenderObserver } from "../chain/observer.ts";
import type { FeeCaps } from "../chain/sending/fees.ts";
import type { TransactionSigner } from "../chain/sending/signer.ts";
import { WalletSender } from "../chain/sending/sender.ts";
import type { Database } from "../db/database.ts";
import { Listener } from "../db/listen.ts";
import { isWalletPaused } from "../db/operators.ts";
import { AppError, refused } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { Alarm, inRounds, lead } from "./leading.ts";

export interface ChainActivityOptions {
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
  readonly startBlock: number;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly signers: readonly TransactionSigner[];
  /** Aborted when this worker begins to stop: the jobs end at once, and another worker takes them up. */
  readonly stopping: AbortSignal;
  readonly feeCaps: FeeCaps;
  readonly maxBatchItems: number;
  readonly logger: Logger;
  readonly senderObserver?: SenderObserver;
  /** WebSocket address of a node; new blocks are then noticed at once. */
  readonly headsEndpoint?: string;
  readonly headsMetrics?: Pick<HeadStreamOptions, "onReconnect" | "onStall">;
  readonly indexerMetrics?: Pick<IndexerOptions, "onStep" | "onReorg" | "onLag" | "onRange"> & {
    readonly onGivenUp?: () => void;
  };
}

const INDEXER_POLL_MS = 200;

/** The activities that own a stream or a wallet for as long as they run. */
export function createChainActivities(options: ChainActivityOptions) {
  const { db, rpc, chainId, auctionContract, logger } = options;

  /** Rings the alarm with each new block, when there is a socket to hear of it. The caller closes it. */
  function listenForHeads(alarm: Alarm, blockTimeMs: () => number): HeadStream | undefined {
    if (options.headsEndpoint === undefined) return undefined;
    const heads = new HeadStream({
      endpoint: options.headsEndpoint,
      blockTimeMs,
      onHead: () => alarm.ring(),
      logger,
      ...options.headsMetrics,
    });
    heads.start();
    return heads;
  }

  return {
    /** Indexes until the turn is over. */
    async runIndexer(forChainId: number): Promise<"turn-over" | "halted"> {
      if (forChainId !== chainId)
        throw refused("wrong_chain", `this worker serves chain ${chainId}, not ${forChainId}`);
      let result: "turn-over" | "halted" = "turn-over";
      await lead(options, `chain-indexer/${chainId}`, async (leader, running) => {
        const alarm = new Alarm();
        const indexer: ChainIndexer = new ChainIndexer({
          ...options,
          ...options.indexerMetrics,
          onStep: (progress) => {
            heads?.noteHttpHead(progress.head);
            options.indexerMetrics?.onStep?.(progress);
          },
          db: leader,
        });
        const heads = listenForHeads(alarm, () => indexer.blockTimeMs);
        try {
          await inRounds(running, logger, async () => {
            const step = await indexer.step();
            if (step === "halted") {
              result = "halted";
              return "done";
            }
            // A socket that speaks makes polling the exception; it is compared with HTTP all the same.
            const pollMs = heads?.healthy === true ? 2 * indexer.blockTimeMs : INDEXER_POLL_MS;
            if (step === "idle") await alarm.sleep(Math.max(INDEXER_POLL_MS, pollMs));
            return "more";
          });
        } finally {
          heads?.close();
          options.indexerMetrics?.onGivenUp?.();
        }
      });
      return result;
    },

    /** Sends the operations of one wallet until the turn is over, or an operator pauses it. */
    async runWallet(forChainId: number, address: string): Promise<"turn-over" | "paused"> {
      const signer = options.signers.find((one) => one.address.toLowerCase() === address);
      if (forChainId !== chainId || signer === undefined)
        // Retried, and so offered to the other workers of the queue: one of them may hold the key.
        throw new AppError({
          kind: "retry",
          code: "wallet_not_here",
          message: `this worker has no key for ${address} on chain ${forChainId}`,
        });
      if (await isWalletPaused(db, chainId, address)) return "paused";
      let paused = false;
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
        let started = false;
        const alarm = new Alarm();
        // Looked at before the first round, after each word of the database, and with each block: a word may be lost.
        let lookedAt: number | undefined;
        const listener = new Listener(db, ["chain_operations", "chain_wallet_pauses"], () => {
          lookedAt = undefined;
          alarm.ring();
        });
        listener.start();
        let seenHead = 0;
        const heads = listenForHeads(alarm, () => sender.blockTimeMs);
        try {
          await inRounds(running, logger, async () => {
            if (lookedAt !== seenHead) {
              lookedAt = seenHead;
              paused = await isWalletPaused(leader, chainId, address);
              if (paused) return "done";
            }
            if (!started) await sender.start();
            started = true;
            seenHead = await sender.tick();
            heads?.noteHttpHead(seenHead);
            await alarm.sleep(sender.pollMs);
            return "more";
          });
        } finally {
          heads?.close();
          options.senderObserver?.walletGivenUp(address);
          await listener.close();
        }
      });
      return paused ? "paused" : "turn-over";
    },
  };
}
