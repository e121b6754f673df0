import type { Queryable } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { latestBlock, QuantityBigint, transactionCounts } from "../types.ts";
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

/** Looks in a row that must show nonces which are not ours before they are believed. */
const CONFIRMING_LOOKS = 3;

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
  #foreignLooks = 0;
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

  /** Whether the wallet waits for money. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Reads balance and counts for the first time. @throws AppError `rpc_unavailable` (retry) */
  async open(): Promise<void> {
    const { db, chainId, wallet } = this.#o;
    this.nextNonce = (await highestNonce(db, chainId, wallet)) + 1;
    for (let look = 0; look < CONFIRMING_LOOKS; look += 1) await this.look();
  }

  /**
   * Reads balance and counts, and tells the other wallets how much this one can take. The balance is that of the endpoint
   * furthest ahead; of the counts the highest is taken, as an endpoint that lags shows too low a one.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async look(): Promise<void> {
    const { db, chainId, wallet, logger, observer } = this.#o;
    await this.#read();
    this.#followForeign();
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

  /** What is left for new transactions beside all that are open, in wei. */
  spareWei(open: readonly (StoredTransaction | SignedTransaction)[]): bigint {
    const spareWei = this.#freeWei(open);
    return spareWei > 0n ? spareWei : 0n;
  }

  /** Nothing is signed until there are `neededWei` to spare, and the other wallets take the work. */
  pause(neededWei: bigint): void {
    if (!this.#paused)
      this.#o.logger.error("the wallet has not enough money and is paused: send it some", {
        wallet: this.#o.wallet,
        balanceWei: this.#balanceWei.toString(),
        neededWei: neededWei.toString(),
      });
    this.#paused = true;
    this.#missingWei = neededWei;
  }

  async #read(): Promise<void> {
    const { rpc, wallet } = this.#o;
    // Whichever endpoint is furthest ahead is asked first from then on, for the balance too.
    await latestBlock(rpc);
    const [latest, pending, balanceWei] = await Promise.all([
      transactionCounts(rpc, wallet, "latest"),
      transactionCounts(rpc, wallet, "pending"),
      rpc.call(QuantityBigint, "eth_getBalance", [wallet, "latest"]),
    ]);
    this.#chainLatest = Math.max(...latest);
    this.#chainPending = Math.max(this.#chainLatest, ...pending);
    this.#balanceWei = balanceWei;
  }

  /**
   * Nonces that the chain counts and we never gave away (somebody else has the key, or the database was restored) are left
   * out once several looks in a row have shown them: a nonce too far is a hole to be filled.
   */
  #followForeign(): void {
    if (this.#chainPending <= this.nextNonce) {
      this.#foreignLooks = 0;
      return;
    }
    this.#foreignLooks += 1;
    if (this.#foreignLooks < CONFIRMING_LOOKS) return;
    this.#o.logger.warn("the chain knows nonces of this wallet that are not ours", {
      chainPending: this.#chainPending,
      nextNonce: this.nextNonce,
    });
    this.nextNonce = this.#chainPending;
    this.#foreignLooks = 0;
  }

  #freeWei(open: readonly (StoredTransaction | SignedTransaction)[]): bigint {
    const stored = open.filter((one): one is StoredTransaction => "state" in one);
    const fresh = open.filter((one) => !("state" in one));
    const waiting = newestOfEachNonce(stored).filter((one) => one.state !== "mined");
    return [...waiting, ...fresh].reduce((free, one) => free - costWei(one), this.#balanceWei);
  }
}
