import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import type { OperationKind, OperationSettledMessage } from "../../domain/process.ts";
import type { Logger } from "../../logging.ts";
import { readAuctionState } from "../reader.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, QuantityNumber, type Receipt, receiptOf } from "../types.ts";
import { type ItemOutcome, outcomeOf } from "./calls.ts";
import { askAgain, type Operation, operationsAt, settleOperation } from "./operations.ts";
import {
  liveTransactions,
  markFinal,
  markMined,
  markVanished,
  type StoredTransaction,
} from "./transactions.ts";

export interface ReceiptWatcherOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly chainId: number;
  readonly wallet: string;
  readonly auctionContract: string;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly logger: Logger;
}

/** Attempts after which an operation that reverts or starves every time is given back to its workflow. */
const MAX_ATTEMPTS = 8;

/** Follows what was broadcast until nothing can take it back, and tells workflows what came of it. */
export class ReceiptWatcher {
  readonly #o: ReceiptWatcherOptions;

  constructor(options: ReceiptWatcherOptions) {
    this.#o = options;
  }

  /** Looks once at every nonce that is not final. */
  async review(head: Block): Promise<void> {
    const { db, rpc, chainId, wallet, logger } = this.#o;
    const live = await liveTransactions(db, chainId, wallet);
    if (live.length === 0) return;
    const consumed = await rpc.call(QuantityNumber, "eth_getTransactionCount", [wallet, "latest"]);
    for (const [nonce, transactions] of Map.groupBy(live, (one) => one.nonce)) {
      const found = await this.#canonicalReceipt(transactions);
      if (found !== undefined) {
        await this.#mined(found.transaction, found.receipt, head);
        continue;
      }
      for (const transaction of transactions.filter((one) => one.state === "mined")) {
        logger.warn("the block of a mined transaction has left the chain", {
          transactionHash: transaction.hash,
          nonce,
          blockNumber: transaction.blockNumber,
        });
        await db.transaction((tx) => markVanished(tx, transaction.hash));
        crashPoint("receipts.vanished");
      }
      // The nonce is used but none of its hashes has a receipt: a node that lags, or somebody else has the key. Either
      // way the answer is to look again, never to send the operation under another nonce.
      if (nonce < consumed)
        logger.warn("a nonce is used, but no receipt of its transactions is known", {
          nonce,
          hashes: transactions.map((one) => one.hash),
        });
    }
  }

  /** The receipt of whichever transaction of a nonce was included, if its block is on the canonical chain. */
  async #canonicalReceipt(
    transactions: readonly StoredTransaction[],
  ): Promise<{ transaction: StoredTransaction; receipt: Receipt } | undefined> {
    for (const transaction of transactions) {
      const receipt = await receiptOf(this.#o.rpc, transaction.hash);
      if (receipt === null) continue;
      const block = await blockByNumber(this.#o.rpc, receipt.blockNumber);
      if (block?.hash === receipt.blockHash) return { transaction, receipt };
    }
    return undefined;
  }

  async #mined(transaction: StoredTransaction, receipt: Receipt, head: Block): Promise<void> {
    const { db, chainId, confirmations, finalityDepth } = this.#o;
    const depth = head.number - receipt.blockNumber + 1;
    const results = depth >= confirmations ? await this.#results(transaction, receipt) : [];
    // Someone is still owed an answer: the transaction stays under review until it can be given.
    const complete = results.every((one) => one.outcome !== undefined);
    crashPoint("receipts.read");
    await db.transaction(async (tx) => {
      if (transaction.state !== "mined" || transaction.blockHash !== receipt.blockHash)
        await markMined(tx, transaction.hash, receipt);
      for (const { operation, outcome, notBeforeS } of results)
        if (outcome !== undefined)
          await this.#conclude(tx, operation, outcome, receipt, notBeforeS);
      if (depth >= finalityDepth && complete) await markFinal(tx, chainId, transaction);
    });
    crashPoint("receipts.committed");
  }

  /** What came of each operation that has not been told yet; no outcome while the chain cannot be read well enough. */
  async #results(
    transaction: StoredTransaction,
    receipt: Receipt,
  ): Promise<{ operation: Operation; outcome: ItemOutcome | undefined; notBeforeS: number }[]> {
    const { db, rpc, chainId, wallet, auctionContract } = this.#o;
    const results = [];
    for (const operation of await operationsAt(db, chainId, wallet, transaction.nonce)) {
      if (operation.settled) continue;
      let outcome: ItemOutcome | undefined = outcomeOf(
        transaction.kind as OperationKind,
        operation.auctionId,
        receipt,
        auctionContract,
      );
      let notBeforeS = 0;
      if (
        operation.kind === "end" &&
        (outcome.status === "again" || (outcome.status === "done" && outcome.byOther))
      ) {
        const state = await readAuctionState(rpc, auctionContract, operation.auctionId);
        notBeforeS = state.endTimeS;
        if (outcome.status === "done") {
          // "Already ended" and "still active" cannot both be: another node answered, which is behind.
          const winner =
            state.winner === null ? {} : { winner: state.winner, amountWei: state.highBidWei };
          outcome = state.over ? { ...outcome, ...winner } : undefined;
        }
      }
      results.push({ operation, outcome, notBeforeS });
    }
    return results;
  }

  async #conclude(
    tx: Parameters<Parameters<Transactor["transaction"]>[0]>[0],
    operation: Operation,
    outcome: ItemOutcome,
    receipt: Receipt,
    notBeforeS: number,
  ): Promise<void> {
    const { logger } = this.#o;
    const place = { transactionHash: receipt.transactionHash, blockNumber: receipt.blockNumber };
    const fields = {
      key: operation.key,
      auctionId: operation.auctionId,
      workflowId: operation.workflowId,
      ...place,
    };
    const tell = (
      message: Pick<OperationSettledMessage, "status" | "reason" | "winner" | "amountWei">,
    ): Promise<void> =>
      settleOperation(tx, operation, {
        key: operation.key,
        kind: operation.kind,
        ...message,
        ...place,
      });

    switch (outcome.status) {
      case "done":
        await tell({
          status: "done",
          ...(outcome.winner === undefined ? {} : { winner: outcome.winner }),
          ...(outcome.amountWei === undefined ? {} : { amountWei: outcome.amountWei }),
        });
        logger.info("an operation is done", fields);
        return;
      case "again":
        // Coming too early is no fault of the operation: each late bid moves the end once more.
        if (outcome.reason === "not_yet_ended") {
          const { reason } = outcome;
          await askAgain(tx, operation, { reason, notBeforeS, attempts: operation.attempts });
          logger.info("an end came too early and waits for its new time", fields);
          return;
        }
        if (operation.attempts + 1 >= MAX_ATTEMPTS) {
          await tell({ status: "refused", reason: outcome.reason });
          logger.error("an operation is given up after too many attempts", {
            ...fields,
            reason: outcome.reason,
          });
          return;
        }
        await askAgain(tx, operation, {
          reason: outcome.reason,
          notBeforeS,
          attempts: operation.attempts + 1,
        });
        logger.warn("an operation had no effect and is asked for again", {
          ...fields,
          reason: outcome.reason,
        });
        return;
      case "refused":
        await tell({ status: "refused", reason: outcome.reason });
        logger.error("an operation was refused by the contract", {
          ...fields,
          reason: outcome.reason,
        });
    }
  }
}
