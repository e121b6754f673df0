import { z } from "zod";
import type { Transactor } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, BlockSchema } from "../types.ts";
import { type Consumption, transactionOfNonce } from "./consumption.ts";
import { askAgain, operationsAt } from "./operations.ts";
import { markConsumed, type StoredTransaction } from "./transactions.ts";

export interface LostNoncesOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly chainId: number;
  readonly wallet: string;
  readonly finalityDepth: number;
  readonly logger: Logger;
  readonly observer: SenderObserver;
}

/** Nodes behind one address often show the count of a new block before its receipts: so many blocks that is no news. */
const PATIENCE_BLOCKS = 2;

/**
 * Nonces that the chain counts as used while no endpoint shows a receipt of any of their transactions. Nothing is ever sent
 * under another nonce on such a sight: first the transaction that used the nonce is found in the chain itself, and, if it is
 * none of ours, it must be final.
 */
export class LostNonces {
  readonly #o: LostNoncesOptions;
  readonly #sinceBlock = new Map<number, number>();
  /** The nonces whose foreign transaction operators were told of. */
  readonly #told = new Set<number>();

  constructor(options: LostNoncesOptions) {
    this.#o = options;
  }

  forget(nonce: number): void {
    this.#sinceBlock.delete(nonce);
    this.#told.delete(nonce);
  }

  /** Looks into one such nonce. @throws AppError `rpc_unavailable` (retry) */
  async look(
    nonce: number,
    transactions: readonly StoredTransaction[],
    head: Block,
  ): Promise<void> {
    const { rpc, wallet, finalityDepth, logger, observer } = this.#o;
    // A head that was shown far ahead of the chain for a moment is no beginning.
    const sinceBlock = Math.min(this.#sinceBlock.get(nonce) ?? head.number, head.number);
    this.#sinceBlock.set(nonce, sinceBlock);
    const lostFor = head.number - sinceBlock;
    if (lostFor < PATIENCE_BLOCKS) return;
    const hashes = transactions.map((one) => one.hash);
    const signedAtBlock = Math.min(...transactions.map((one) => one.signedAtBlock));
    const found = await transactionOfNonce(rpc, wallet, nonce, signedAtBlock, head.number);
    if (found === "pruned" && lostFor > PATIENCE_BLOCKS + finalityDepth) {
      // Nobody can show what used it. That none of ours did is what every endpoint has said for as long as finality takes,
      // and the contract does nothing twice.
      logger.error("nobody knows any more what used a nonce: its operations are asked for again", {
        nonce,
        hashes,
      });
      return this.#release(nonce, null);
    }
    if (
      found === "pruned" ||
      found === "unused" ||
      found === "unknown" ||
      hashes.includes(found.hash)
    ) {
      logger.warn("a nonce is used, but no node shows a receipt of it yet", { nonce, hashes });
      return;
    }
    if (!this.#told.has(nonce)) {
      this.#told.add(nonce);
      observer.foreignNonce();
      logger.error(
        "a transaction that is none of ours used a nonce of this wallet: who else has its key?",
        { nonce, transactionHash: found.hash, blockNumber: found.blockNumber },
      );
    }
    if (head.number - found.blockNumber + 1 >= finalityDepth && (await this.#isAgreed(found)))
      await this.#release(nonce, found.hash);
  }

  async #isAgreed(found: Consumption): Promise<boolean> {
    const blocks = await this.#o.rpc.callAll(z.nullable(BlockSchema), "eth_getBlockByNumber", [
      `0x${found.blockNumber.toString(16)}`,
      false,
    ]);
    return blocks.every((one) => one === null || one.hash === found.blockHash);
  }

  /** The nonce can never carry its operations any more: they get another one. */
  async #release(nonce: number, consumedBy: string | null): Promise<void> {
    const { db, chainId, wallet, logger } = this.#o;
    await db.transaction(async (tx) => {
      const operations = await operationsAt(tx, chainId, wallet, nonce);
      await markConsumed(tx, chainId, wallet, nonce, consumedBy);
      for (const operation of operations)
        await askAgain(tx, operation, {
          reason: "nonce_consumed",
          notBeforeS: 0,
          attempts: operation.attempts,
        });
    });
    this.forget(nonce);
    logger.warn("the operations of a consumed nonce are asked for again", {
      nonce,
      consumedBy,
    });
  }
}
