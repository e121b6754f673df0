import type { Queryable } from "../../db/database.ts";
import type { OperationKind, OperationSettledMessage } from "../../domain/process.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import { readAuctionState } from "../reader.ts";
import type { JsonRpc } from "../rpc.ts";
import type { Block, Receipt } from "../types.ts";
import { type ItemOutcome, outcomesOf } from "./calls.ts";
import { LatenessMeter } from "./lateness.ts";
import { askAgainOrGiveUp, type Operation, operationsAt, settleOperation } from "./operations.ts";
import type { StoredTransaction } from "./transactions.ts";

export interface ResultsOptions {
  readonly rpc: JsonRpc;
  readonly db: Queryable;
  readonly chainId: number;
  readonly wallet: string;
  readonly auctionContract: string;
  /** Lower-case. */
  readonly passContract: string;
  readonly logger: Logger;
  readonly observer: SenderObserver;
}

/** What came of one operation; no outcome while the chain cannot be read well enough. */
export interface OperationResult {
  readonly operation: Operation;
  readonly outcome: ItemOutcome | undefined;
  /** For an end that came too early: the time the chain says now. */
  readonly notBeforeS: number;
}

/** Reads from receipts what came of operations, and tells workflows. */
export class Results {
  readonly #o: ResultsOptions;
  readonly #lateness: LatenessMeter;

  constructor(options: ResultsOptions) {
    this.#o = options;
    this.#lateness = new LatenessMeter(options.rpc);
  }

  /**
   * What came of each operation of an included transaction that nobody was told of. `final` says that the inclusion can no
   * longer be taken back.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async read(
    transaction: StoredTransaction,
    receipt: Receipt,
    block: Block,
    final: boolean,
  ): Promise<OperationResult[]> {
    const { db, chainId, wallet, auctionContract, passContract, observer } = this.#o;
    const results: OperationResult[] = [];
    const outcomeOf = outcomesOf(
      transaction.kind as OperationKind,
      receipt,
      auctionContract,
      passContract,
    );
    for (const operation of await operationsAt(db, chainId, wallet, transaction.nonce)) {
      if (operation.settled) continue;
      if (!transaction.operationKeys.includes(operation.key)) {
        // A cancel, or a smaller batch, took the nonce: only once that is final may the operation have another one.
        const outcome: ItemOutcome | undefined = final
          ? { status: "again", reason: "nonce_cancelled" }
          : undefined;
        results.push({ operation, outcome, notBeforeS: 0 });
        continue;
      }
      const outcome = outcomeOf(operation.auctionId);
      results.push(await this.#withState(operation, outcome));
      if (operation.kind === "end" && outcome.status === "done" && !outcome.byOther)
        observer.deadline(await this.#lateness.of(block, operation.notBeforeS));
    }
    return results;
  }

  /** Asks the contract where the receipt does not say enough. */
  async #withState(operation: Operation, outcome: ItemOutcome): Promise<OperationResult> {
    const unclear =
      operation.kind === "end" &&
      (outcome.status === "again" || (outcome.status === "done" && outcome.byOther));
    if (!unclear) return { operation, outcome, notBeforeS: 0 };
    const { rpc, auctionContract } = this.#o;
    const state = await readAuctionState(rpc, auctionContract, operation.auctionId);
    const notBeforeS = state.endTimeS;
    if (outcome.status !== "done") return { operation, outcome, notBeforeS };
    // "Already ended" and "still active" cannot both be: another node answered, which is behind.
    if (!state.over) return { operation, outcome: undefined, notBeforeS };
    const winner =
      state.winner === null ? {} : { winner: state.winner, amountWei: state.highBidWei };
    return { operation, outcome: { ...outcome, ...winner }, notBeforeS };
  }

  /** Records one result and tells its workflow, in the transaction that marks the inclusion. */
  async conclude(
    tx: Queryable,
    { operation, outcome, notBeforeS }: OperationResult,
    receipt: Receipt,
  ): Promise<void> {
    if (outcome === undefined) return;
    const { logger, observer } = this.#o;
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
      case "again": {
        const { reason } = outcome;
        // Coming too early is no fault of the operation (each late bid moves the end once more), nor is a lost nonce.
        const blameless = reason === "not_yet_ended" || reason === "nonce_cancelled";
        const attempts = operation.attempts + (blameless ? 0 : 1);
        const next = { reason, notBeforeS, attempts };
        if ((await askAgainOrGiveUp(tx, operation, next, place)) === "given-up") {
          observer.operations("failed", operation.kind, 1);
          logger.error("an operation is given up after too many attempts", { ...fields, reason });
          return;
        }
        logger.log(
          blameless ? "info" : "warn",
          "an operation had no effect and is asked for again",
          {
            ...fields,
            reason,
          },
        );
        return;
      }
      case "refused":
        await tell({ status: "refused", reason: outcome.reason });
        observer.operations("failed", operation.kind, 1);
        logger.error("an operation was refused by the contract", {
          ...fields,
          reason: outcome.reason,
        });
    }
  }
}
