import type { Queryable } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, latestBlock, QuantityBigint, transactionCounts } from "../types.ts";
import { marketFees } from "./fees.ts";
import { highestNonce } from "./nonces.ts";
import type { TipFloor } from "./tip-floor.ts";
import {
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
  readonly tipFloor: TipFloor;
}

/** What a wallet pays for: new transactions, dearer ones of a nonce that has one, and cancels of empty nonces. */
export type Payment = "new" | "dearer" | "cancel";

/** What a wallet could not pay, and at which price. */
export interface Shortage {
  readonly gas: number;
  readonly maxFeePerGasWei: bigint;
}

/** Nonces at once that we never gave away: more of them, and it is more likely that the node errs. */
const MOST_FOREIGN = 16;

/** Looks in a row that must show nonces which are not ours before they are believed. */
const CONFIRMING_LOOKS = 3;

/** The most that a transaction can cost. */
export const costWei = (transaction: SignedTransaction): bigint =>
  BigInt(transaction.gasLimit) * transaction.maxFeePerGasWei;

/**
 * What a wallet has to give: money, and nonces. A wallet that cannot pay for what it would sign signs nothing (it is paused,
 * and the others take its share), because a nonce that is given away and cannot be paid for is a hole.
 */
export class Purse {
  readonly #o: PurseOptions;
  #balanceWei = 0n;
  /** What could not be paid when it was last tried. */
  readonly #short = new Map<Payment, Shortage>();
  #chainLatest = 0;
  #chainPending = 0;
  #foreignLooks = 0;
  /** At a start any count is believed that several looks show: the database may be new, or restored from a backup. */
  #isOpening = false;
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

  /** Whether a new transaction could not be paid when it was last tried. */
  get lacksNew(): boolean {
    return this.#short.has("new");
  }

  /** Whether there is something that the wallet cannot pay at today's price. What it can pay it sends all the same. */
  get paused(): boolean {
    return this.#short.size > 0;
  }

  /** Reads balance and counts for the first time. @throws AppError `rpc_unavailable` (retry) */
  async open(): Promise<void> {
    const { db, chainId, wallet } = this.#o;
    this.nextNonce = (await highestNonce(db, chainId, wallet)) + 1;
    this.#isOpening = true;
    for (let look = 0; look < CONFIRMING_LOOKS; look += 1) await this.look();
    this.#isOpening = false;
  }

  /**
   * Reads balance and counts, and tells the other wallets how much this one can take. The balance is that of the endpoint
   * furthest ahead; of the counts the highest is taken, as an endpoint that lags shows too low a one.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async look(): Promise<void> {
    const { db, chainId, wallet, observer } = this.#o;
    const head = await this.#read();
    this.#followForeign();
    const open = await openTransactions(db, chainId, wallet);
    if (this.paused) await this.#compare(head, this.#freeWei(open));
    await reportWallet(db, chainId, {
      address: wallet,
      paused: this.paused,
      reason: this.paused ? "no funds" : null,
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
      paused: this.paused,
    });
  }

  /** What is left for new transactions beside all that are open, in wei. */
  spareWei(open: readonly (StoredTransaction | SignedTransaction)[]): bigint {
    const spareWei = this.#freeWei(open);
    return spareWei > 0n ? spareWei : 0n;
  }

  /** Something could not be paid. The other wallets take what this one leaves, until it can pay again: at another price, or with more money. */
  lacks(what: Payment, shortage: Shortage): void {
    if (!this.paused)
      this.#o.logger.error("the wallet has not enough money for all it should send: send it some", {
        wallet: this.#o.wallet,
        balanceWei: this.#balanceWei.toString(),
        gas: shortage.gas,
        maxFeePerGasWei: shortage.maxFeePerGasWei.toString(),
      });
    this.#short.set(what, shortage);
  }

  /** Whether what was too dear can be paid now: there may be more money, and the price of a spike is soon over. */
  async #compare(head: Block, freeWei: bigint): Promise<void> {
    const market = await marketFees(this.#o.rpc, head, this.#o.tipFloor.wei);
    for (const [what, { gas, maxFeePerGasWei }] of this.#short) {
      const priceWei =
        market.maxFeePerGasWei < maxFeePerGasWei ? market.maxFeePerGasWei : maxFeePerGasWei;
      if (freeWei >= BigInt(gas) * priceWei) this.enough(what);
    }
  }

  /** All of that kind could be paid. */
  enough(what: Payment): void {
    if (this.#short.delete(what) && !this.paused)
      this.#o.logger.info("the wallet can pay what it should send again", {
        wallet: this.#o.wallet,
        balanceWei: this.#balanceWei.toString(),
      });
  }

  async #read(): Promise<Block> {
    const { rpc, wallet } = this.#o;
    // Whichever endpoint is furthest ahead is asked first from then on, for the balance too.
    const head = await latestBlock(rpc);
    const [latest, pending, balanceWei] = await Promise.all([
      transactionCounts(rpc, wallet, "latest"),
      // Some nodes have no pool to show, and others cannot now: what was known of it stands.
      transactionCounts(rpc, wallet, "pending").catch(() => [this.#chainPending]),
      rpc.call(QuantityBigint, "eth_getBalance", [wallet, "latest"]),
    ]);
    this.#chainLatest = this.#used(latest);
    // One endpoint alone that shows more than the others, or far more than can be, may show anything.
    const base = Math.max(this.nextNonce, this.#chainLatest);
    const waiting = pending.filter((one) => one <= base + MOST_FOREIGN);
    const ours = pending.filter((one) => one <= base);
    const believed =
      ours.length === 0 ? Math.min(...waiting, Number.MAX_SAFE_INTEGER) : Math.max(...ours);
    this.#chainPending = Math.max(
      this.#chainLatest,
      waiting.length === 0 ? this.#chainLatest : believed,
    );
    this.#balanceWei = balanceWei;
    return head;
  }

  /**
   * How many nonces the chain has used. A count beyond all that we gave away is believed when no endpoint contradicts it, and from one
   * endpoint alone only so far: each nonce that turns out to be unused costs a cancel.
   */
  #used(counts: readonly number[]): number {
    if (this.#isOpening) return Math.max(...counts);
    const ours = counts.filter((one) => one <= this.nextNonce);
    if (ours.length > 0) return Math.max(...ours);
    const least = Math.min(...counts);
    return counts.length > 1 ? least : Math.min(least, this.nextNonce + MOST_FOREIGN);
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
