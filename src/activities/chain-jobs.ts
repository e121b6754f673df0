import { ChainIndexer, type IndexerOptions } from "../chain/indexing/indexer.ts";
import { HeadStream, type HeadStreamOptions } from "../chain/heads.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import type { SenderObserver } from "../chain/observer.ts";
import type { FeeCaps } from "../chain/sending/fees.ts";
import type { TransactionSigner } from "../chain/sending/signer.ts";
import { WalletSender } from "../chain/sending/sender.ts";
import type { Database } from "../db/database.ts";
import type { LeaderConnection } from "../db/leadership.ts";
import { Listener } from "../db/listen.ts";
import { isWalletPaused } from "../db/operators.ts";
import type { Logger } from "../logging.ts";
import { Alarm, inRounds, type Turn } from "./leading.ts";
import { Rounds } from "./rounds.ts";

export interface ChainJobOptions {
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
  readonly startBlock: number;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly signers: readonly TransactionSigner[];
  readonly feeCaps: FeeCaps;
  /** CHAIN_MIN_TIP_GWEI, in wei. */
  readonly leastTipWei: bigint;
  readonly maxBatchItems: number;
  /** For how long the chain must contradict the index before that halts; 30 s by default. */
  readonly haltAfterMs?: number;
  /** Where the rounds of these jobs are watched. */
  readonly rounds?: Rounds;
  readonly logger: Logger;
  readonly senderObserver?: SenderObserver;
  /** WebSocket address of a node; new blocks are then noticed at once. */
  readonly headsEndpoint?: string;
  readonly headsMetrics?: Pick<HeadStreamOptions, "onReconnect" | "onStall">;
  readonly indexerMetrics?: Pick<
    IndexerOptions,
    "onStep" | "onReorg" | "onLag" | "onRange" | "onUnread"
  > & { readonly onGivenUp?: () => void };
}

const INDEXER_POLL_MS = 200;

/** A job that one worker at a time does: the one that holds the advisory lock of the job's name. */
export interface ChainJob<Result extends string> {
  readonly name: string;
  /** Works until the turn is over, or there is nothing to do here: the result says which. */
  readonly work: (leader: LeaderConnection, turn: Turn) => Promise<Result>;
}

export interface ChainJobs {
  readonly indexer: ChainJob<"turn-over" | "halted">;
  /** By address in lower case: those whose keys are here. */
  readonly wallets: ReadonlyMap<string, ChainJob<"turn-over" | "paused">>;
}

/** The jobs that own a stream or a wallet for as long as they are done. */
export function createChainJobs(options: ChainJobOptions): ChainJobs {
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

  /** Indexes until the turn is over. */
  async function index(leader: LeaderConnection, turn: Turn): Promise<"turn-over" | "halted"> {
    let result: "turn-over" | "halted" = "turn-over";
    const alarm = new Alarm();
    const indexer: ChainIndexer = new ChainIndexer({
      ...options,
      ...options.indexerMetrics,
      // A backfill is one long round, of many pieces.
      onLag: (seconds) => {
        turn.finished();
        options.indexerMetrics?.onLag?.(seconds);
      },
      onStep: (progress) => {
        heads?.noteHttpHead(progress.head);
        options.indexerMetrics?.onStep?.(progress);
      },
      db: leader,
    });
    const heads = listenForHeads(alarm, () => indexer.blockTimeMs);
    try {
      await inRounds(turn, logger, async () => {
        const step = await indexer.step();
        if (step === "halted") {
          result = "halted";
          return "done";
        }
        // A socket that speaks makes polling the exception; it is compared with HTTP all the same.
        const pollMs = heads?.healthy === true ? 2 * indexer.blockTimeMs : INDEXER_POLL_MS;
        if (step === "idle") await turn.rest(alarm.sleep(Math.max(INDEXER_POLL_MS, pollMs)));
        return "more";
      });
    } finally {
      heads?.close();
      options.indexerMetrics?.onGivenUp?.();
    }
    return result;
  }

  /** Sends the operations of one wallet until the turn is over, or an operator pauses it. */
  async function send(
    signer: TransactionSigner,
    leader: LeaderConnection,
    turn: Turn,
  ): Promise<"turn-over" | "paused"> {
    const address = signer.address.toLowerCase();
    let paused = false;
    const sender = new WalletSender({
      rpc,
      db: leader,
      signer,
      chainId,
      auctionContract,
      passContract: options.passContract,
      confirmations: options.confirmations,
      finalityDepth: options.finalityDepth,
      feeCaps: options.feeCaps,
      leastTipWei: options.leastTipWei,
      maxBatchItems: options.maxBatchItems,
      logger,
      onProgress: () => turn.finished(),
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
      await inRounds(turn, logger, async () => {
        if (lookedAt !== seenHead) {
          lookedAt = seenHead;
          paused = await isWalletPaused(leader, chainId, address);
          if (paused) return "done";
        }
        if (!started) await sender.start();
        started = true;
        seenHead = await sender.tick();
        heads?.noteHttpHead(seenHead);
        await turn.rest(alarm.sleep(sender.pollMs));
        return "more";
      });
    } finally {
      heads?.close();
      options.senderObserver?.walletGivenUp(address);
      await listener.close();
    }
    return paused ? "paused" : "turn-over";
  }

  const { rounds = new Rounds() } = options;
  const indexerName = `chain-indexer/${chainId}`;
  return {
    indexer: {
      name: indexerName,
      work: (leader, turn) => rounds.during(indexerName, turn, () => index(leader, turn)),
    },
    wallets: new Map(
      options.signers.map((signer) => {
        const address = signer.address.toLowerCase();
        const name = `wallet/${chainId}/${address}`;
        const job: ChainJob<"turn-over" | "paused"> = {
          name,
          work: (leader, turn) => rounds.during(name, turn, () => send(signer, leader, turn)),
        };
        return [address, job];
      }),
    ),
  };
}
