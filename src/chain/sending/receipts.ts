import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import {
  type Block,
  blockByNumber,
  BlockSchema,
  type Receipt,
  receiptsOf,
  transactionCounts,
} from "../types.ts";
import { LostNonces } from "./lost.ts";
import { unansweredNonces } from "./operations.ts";
import { Results } from "./results.ts";
import {
  finalFrom,
  markFinal,
  markMined,
  markVanished,
  openTransactions,
  type StoredTransaction,
} from "./transactions.ts";

export interface ReceiptWatcherOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly chainId: number;
  readonly wallet: string;
  readonly auctionContract: string;
  /** Lower-case. */
  readonly passContract: string;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly logger: Logger;
  readonly observer: SenderObserver;
  readonly onProgress?: () => void;
}

/** A receipt, and the canonical block it is in. */
interface Inclusion {
  readonly transaction: StoredTransaction;
  readonly receipt: Receipt;
  readonly block: Block;
}

/**
 * Follows what was broadcast until nothing can take it back. Only what a node shows is believed, never what it fails to show:
 * a missing receipt, a low count or a missing block change nothing here.
 */
export class ReceiptWatcher {
  readonly #o: ReceiptWatcherOptions;
  readonly #results: Results;
  readonly #lost: LostNonces;

  constructor(options: ReceiptWatcherOptions) {
    this.#o = options;
    this.#results = new Results(options);
    this.#lost = new LostNonces(options);
  }

  /** Looks once at every nonce that is not final. @throws AppError `rpc_unavailable` (retry) */
  async review(head: Block): Promise<void> {
    const { db, rpc, chainId, wallet, confirmations, finalityDepth } = this.#o;
    const used = Math.max(...(await transactionCounts(rpc, wallet, "latest")));
    await this.#recheckFinal(used);
    const recorded = await openTransactions(db, chainId, wallet);
    if (recorded.length === 0) return;
    const vanished = await this.#recheck(recorded.filter((one) => one.state === "mined"));
    const unanswered = await unansweredNonces(db, chainId, wallet);
    for (const [nonce, transactions] of Map.groupBy(recorded, (one) => one.nonce)) {
      this.#o.onProgress?.();
      const mined = transactions.find((one) => one.state === "mined" && !vanished.has(one.hash));
      if (mined !== undefined && mined.blockNumber !== null) {
        const depth = head.number - mined.blockNumber + 1;
        if (depth < finalityDepth && !(depth >= confirmations && unanswered.has(nonce))) continue;
      } else if (nonce >= used) continue;
      const found = await this.#inclusion(transactions);
      if (found !== undefined) await this.#mined(found, head);
      else if (mined === undefined) await this.#lost.look(nonce, transactions, head);
    }
  }

  /**
   * A reorg deeper than finality is not supposed to happen, but the chain decides. When it counts fewer nonces than were final,
   * those whose block is another one now are open again: what waits behind them could never be included.
   */
  async #recheckFinal(used: number): Promise<void> {
    const { db, rpc, chainId, wallet, logger, observer } = this.#o;
    for (const { hash, blockNumber, blockHash } of await finalFrom(db, chainId, wallet, used)) {
      const block = await blockByNumber(rpc, blockNumber);
      if (block === null || block.hash === blockHash) continue;
      logger.error("a reorg deeper than finality has taken a transaction back", {
        transactionHash: hash,
        blockNumber,
      });
      await db.transaction((tx) => markVanished(tx, hash));
      crashPoint("receipts.vanished");
      observer.receiptLost();
    }
  }

  /**
   * Takes note of recorded blocks that are no longer on the chain and returns the hashes of their transactions. The chain is
   * one line: when the highest recorded block is still on it, so are all the lower ones that were checked before.
   */
  async #recheck(mined: readonly StoredTransaction[]): Promise<ReadonlySet<string>> {
    const { db, rpc, logger, observer } = this.#o;
    const vanished = new Set<string>();
    const heights = [...new Set(mined.map((one) => one.blockNumber ?? 0))].sort((a, b) => b - a);
    for (const height of heights) {
      const block = await blockByNumber(rpc, height);
      // A node that has no such block is behind, or its new chain is still shorter: neither says that ours is gone.
      if (block === null) continue;
      const here = mined.filter((one) => one.blockNumber === height);
      const gone = here.filter((one) => one.blockHash !== block.hash);
      for (const transaction of gone) {
        logger.warn("the block of a mined transaction has left the chain", {
          transactionHash: transaction.hash,
          nonce: transaction.nonce,
          blockNumber: height,
        });
        await db.transaction((tx) => markVanished(tx, transaction.hash));
        crashPoint("receipts.vanished");
        observer.receiptLost();
        vanished.add(transaction.hash);
      }
      if (gone.length === 0) break;
    }
    return vanished;
  }

  /** The receipt of whichever transaction of a nonce was included, if its block is on the canonical chain. */
  async #inclusion(transactions: readonly StoredTransaction[]): Promise<Inclusion | undefined> {
    for (const transaction of transactions) {
      for (const receipt of await receiptsOf(this.#o.rpc, transaction.hash)) {
        const block = await blockByNumber(this.#o.rpc, receipt.blockNumber);
        if (block?.hash === receipt.blockHash) return { transaction, receipt, block };
      }
    }
    return undefined;
  }

  async #mined({ transaction, receipt, block }: Inclusion, head: Block): Promise<void> {
    const { db, chainId, confirmations, finalityDepth, observer } = this.#o;
    this.#lost.forget(transaction.nonce);
    const depth = head.number - receipt.blockNumber + 1;
    // In another block than before: what was told is read again in the next round, and until then nothing is final.
    const moved = transaction.blockHash !== null && transaction.blockHash !== receipt.blockHash;
    const final = depth >= finalityDepth && !moved && (await this.#agreed(receipt, depth));
    const results =
      depth >= confirmations ? await this.#results.read(transaction, receipt, block, final) : [];
    // Someone is still owed an answer: the transaction stays under review until it can be given.
    const complete = results.every((one) => one.outcome !== undefined);
    const isNew = transaction.state !== "mined" || transaction.blockHash !== receipt.blockHash;
    crashPoint("receipts.read");
    await db.transaction(async (tx) => {
      if (isNew) await markMined(tx, transaction.hash, receipt);
      for (const result of results) await this.#results.conclude(tx, result, receipt);
      if (final && complete) await markFinal(tx, chainId, transaction);
    });
    crashPoint("receipts.committed");
    const { kind, operationKeys, createdAt } = transaction;
    if (kind === "cancel") return;
    if (isNew) {
      observer.operations("mined", kind, operationKeys.length);
      observer.stage("included", kind, (Date.now() - createdAt.getTime()) / 1000);
    }
    if (final && complete) observer.operations("final", kind, operationKeys.length);
  }

  /**
   * Whether the endpoints that have the block's height have this block there: one alone may be on a fork. One that stays there
   * for ever must not keep everything open, so at twice the depth it is outvoted.
   */
  async #agreed(receipt: Receipt, depth: number): Promise<boolean> {
    const blocks = await this.#o.rpc.callAll(BlockSchema.nullable(), "eth_getBlockByNumber", [
      `0x${receipt.blockNumber.toString(16)}`,
      false,
    ]);
    const known = blocks.filter((one) => one !== null);
    const agreeing = known.filter((one) => one.hash === receipt.blockHash).length;
    if (agreeing === known.length) return true;
    return depth >= 2 * this.#o.finalityDepth && 2 * agreeing >= known.length;
  }
}
