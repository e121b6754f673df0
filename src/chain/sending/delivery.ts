import type { Transactor } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { JsonRpc } from "../rpc.ts";
import type { Block } from "../types.ts";
import type { Broadcaster, SendResult } from "./broadcaster.ts";
import { mustWait } from "./carriers.ts";
import { askAgainOrGiveUp, operationsAt } from "./operations.ts";
import {
  markHeld,
  markVoid,
  openTransactions,
  type SignedTransaction,
  type StoredTransaction,
} from "./transactions.ts";

export interface DeliveryOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly wallet: string;
  readonly chainId: number;
  readonly confirmations: number;
  readonly broadcaster: Broadcaster;
  readonly logger: Logger;
}

/** Brings stored transactions to the nodes: each when it may be seen, and with what their answer asks for. */
export class Delivery {
  readonly #o: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#o = options;
  }

  /**
   * Sends a stored transaction and acts on the answer. One that nobody has seen yet is kept back while an operation of its is
   * still on its way under an earlier nonce; it goes out as soon as that one is over.
   * `hadNonces`: whether an operation of it may have had another nonce before.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async send(
    transaction: SignedTransaction & Partial<StoredTransaction>,
    head: Block,
    hadNonces = true,
  ): Promise<SendResult | "kept-back"> {
    const { db, broadcaster, logger } = this.#o;
    const { nonce, hash, operationKeys, wasBroadcast = false } = transaction;
    if (hadNonces && !wasBroadcast && (await mustWait(this.#o, db, transaction, head))) {
      logger.info("a transaction is kept back: an earlier nonce still carries its operations", {
        nonce,
        transactionHash: hash,
        operations: operationKeys,
      });
      return "kept-back";
    }
    const result = await broadcaster.send(transaction);
    await this.#handle(transaction, result, head);
    return result;
  }

  /**
   * Acts on what sending gave. A transaction whose bytes every node refused because the rules forbid them, and that was never
   * answered in another way, cannot be on its way: its operations may have another nonce, each alone as the batch may be at
   * fault, and its own nonce gets a cancel. Nothing else that a node answers frees an operation (classify.ts says why not even
   * "insufficient funds").
   */
  async #handle(transaction: SignedTransaction, result: SendResult, head: Block): Promise<void> {
    if (result !== "rejected") return;
    const { db, chainId, wallet, logger } = this.#o;
    const { hash, kind, nonce, replaces, replacementReason } = transaction;
    if (replaces !== null && replacementReason !== "void") {
      await db.transaction(async (tx) => {
        await markVoid(tx, hash, result);
        // What it was to replace is sent on as it is.
        await markHeld(tx, replaces, "refused");
      });
      return;
    }
    if (kind === "cancel") return;
    const givenBack = await db.transaction(async (tx) => {
      const ofNonce = (await openTransactions(tx, chainId, wallet)).filter(
        (one) => one.nonce === nonce && one.state !== "void",
      );
      if (ofNonce.length !== 1 || ofNonce[0]?.wasBroadcast === true) return false;
      await markVoid(tx, hash, result);
      for (const operation of await operationsAt(tx, chainId, wallet, nonce)) {
        // Each refused try costs a cancel, so the tries become rare before they end.
        const attempts = operation.attempts + 1;
        const notBeforeS = head.timestampS + 2 ** attempts;
        await askAgainOrGiveUp(tx, operation, { reason: result, notBeforeS, attempts });
      }
      return true;
    });
    if (givenBack)
      logger.error("every node refused a transaction: its operations are tried again alone", {
        transactionHash: hash,
        nonce,
        reason: result,
        operations: transaction.operationKeys,
      });
  }
}
