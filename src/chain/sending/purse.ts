import type { Queryable } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { QuantityBigint, transactionCounts } from "../types.ts";
import {
  highestNonce,
  inFlight,
  newestOfEachNonce,
  openTransactions,
  type SignedTransaction,
  type StoredTransaction,
} from "./transactions.ts";
import { reportWallet } from "./wallets.ts";

export interface PurseOptions {
  readonly rpc: JsonRpc;
  readonly db: Queryable;
  readonly chainId: number;
  readonly wallet: string;
  readonly logger: Logger;
  readonly observer: SenderObserver;
}

const costWei = (transaction: SignedTransaction): bigint =>
  BigInt(transaction.gasLimit) * transaction.maxFeePerGasWei;

/**
 * What a wallet has to give: money, and nonces. A wallet that cannot pay for what it would sign signs nothing (it is paused,
 * and the others take its share), because a nonce that is given away and cannot be paid for is a hole.
 */
export class Purse {
  readonly #o: PurseOptions;
  #balanceWei = 0n;
  #paused = false;
  /** What the first transaction that could not be paid would have cost. */
  #missingWei = 0n;
  #chainLatest = 0;
  #chainPending = 0;
  /** The nonce of the next new transaction. */
  nextNonce = 0;

  constructor(options: PurseOptions) {
    this.#o = options;
  }

  /** The lowest nonce that no endpoint knows to be used or waiting. */
  get chainPending(): number {
    return this.#chainPending;
  }

  get chainLatest(): number {
    return this.#chainLatest;
  }

  /** Reads balance and counts for the first time. @throws AppError `rpc_unavailable` (retry) */
  async open(): Promise<void> {
    const { db, chainId, wallet } = this.#o;
    this.nextNonce = (await highestNonce(db, chainId, wallet)) + 1;
    await this.look();
  }

  /**
   * Reads balance and counts, and tells the other wallets how much this one can take. An endpoint that lags shows a lower
   * count and perhaps a higher balance, so the highest count and the lowest balance are believed.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async look(): Promise<void> {
    const { rpc, db, chainId, wallet, logger, observer } = this.#o;
    const [latest, pending, balances] = await Promise.all([
      transactionCounts(rpc, wallet, "latest"),
      transactionCounts(rpc, wallet, "pending"),
      rpc.callAll(QuantityBigint, "eth_getBalance", [wallet, "latest"]),
    ]);
    this.#chainLatest = Math.max(...latest);
    this.#chainPending = Math.max(this.#chainLatest, ...pending);
    this.#balanceWei = balances.reduce((a, b) => (a < b ? a : b));
    if (this.#chainPending > this.nextNonce) {
      logger.warn("the chain knows nonces of this wallet that are not ours", {
        chainPending: this.#chainPending,
        nextNonce: this.nextNonce,
      });
      this.nextNonce = this.#chainPending;
    }
    const open = await openTransactions(db, chainId, wallet);
    if (this.#paused && this.#freeWei(open) >= this.#missingWei) {
      this.#paused = false;
      logger.info("the wallet has money again", { balanceWei: this.#balanceWei.toString() });
    }
    await reportWallet(db, chainId, {
      address: wallet,
      paused: this.#paused,
      reason: this.#paused ? "no funds" : null,
      balanceWei: this.#balanceWei,
      inFlight: inFlight(open),
    });
    observer.wallet({
      wallet,
      balanceWei: this.#balanceWei,
      inFlight: inFlight(open),
      nonceNext: this.nextNonce,
      chainLatest: this.#chainLatest,
      chainPending: this.#chainPending,
      held: open.filter((one) => one.heldReason !== null).length,
      paused: this.#paused,
    });
  }

  /** Whether the wallet can pay for one more transaction beside all that are open; pauses it if not. */
  affords(
    open: readonly (StoredTransaction | SignedTransaction)[],
    transaction: SignedTransaction,
  ): boolean {
    if (this.#freeWei(open) >= costWei(transaction)) return true;
    if (!this.#paused)
      this.#o.logger.error("the wallet has not enough money and is paused: send it some", {
        wallet: this.#o.wallet,
        balanceWei: this.#balanceWei.toString(),
        neededWei: costWei(transaction).toString(),
      });
    this.#paused = true;
    this.#missingWei = costWei(transaction);
    return false;
  }

  #freeWei(open: readonly (StoredTransaction | SignedTransaction)[]): bigint {
    const stored = open.filter((one): one is StoredTransaction => "state" in one);
    const fresh = open.filter((one) => !("state" in one));
    const waiting = newestOfEachNonce(stored).filter((one) => one.state !== "mined");
    return [...waiting, ...fresh].reduce((free, one) => free - costWei(one), this.#balanceWei);
  }
}
