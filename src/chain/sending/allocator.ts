import type { Transactor } from "../../db/database.ts";
import type { OperationKind } from "../../domain/process.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import type { Block } from "../types.ts";
import { batchesOf } from "./batches.ts";
import { affordableItems, batchLimit, gasLimit } from "./calls.ts";
import { CapWatch } from "./caps.ts";
import { stillCarried } from "./carriers.ts";
import { claimDue, type Due } from "./due.ts";
import { cappedFees, type FeeCaps, type Fees } from "./fees.ts";
import type { Purse, Shortage } from "./purse.ts";
import type { TransactionSigner } from "./signer.ts";
import { sign } from "./signing.ts";
import type { BlockClock } from "./timing.ts";
import {
  inFlight,
  insertTransaction,
  openTransactions,
  type SignedTransaction,
} from "./transactions.ts";
import { roomOfOthers, shareOf } from "./wallets.ts";

export interface AllocatorOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly signer: TransactionSigner;
  readonly wallet: string;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly confirmations: number;
  readonly feeCaps: FeeCaps;
  /** The most operations one transaction may hold. */
  readonly maxBatchItems: number;
  readonly clock: BlockClock;
  readonly purse: Purse;
  readonly logger: Logger;
  readonly observer: SenderObserver;
}

/** What was signed and stored in one commit, in the order of its nonces. */
export interface Allocation {
  readonly signed: readonly SignedTransaction[];
  /** Those with operations that had another nonce before. */
  readonly anew: ReadonlySet<SignedTransaction>;
}

/** Nodes keep 16 executable transactions of an account for sure (geth AccountSlots). */
const MAX_IN_FLIGHT = 16;

/** Gives due operations their nonces. Nothing is broadcast here. */
export class Allocator {
  readonly #o: AllocatorOptions;
  readonly #caps: CapWatch;

  constructor(options: AllocatorOptions) {
    this.#o = options;
    this.#caps = new CapWatch(options);
  }

  /**
   * Claims due operations, signs a transaction per batch and stores both, in one commit.
   * @throws AppError `rpc_unavailable` (retry)
   */
  async allocate(head: Block, which: Due, market: Fees): Promise<Allocation> {
    const { db, chainId, wallet, feeCaps, clock, purse, observer } = this.#o;
    let nonce = purse.nextNonce;
    const anew = new Set<SignedTransaction>();
    const queuedSinceMs: [OperationKind, number][] = [];
    let lacked: Shortage | undefined;
    const signed = await db.transaction(async (tx) => {
      const open = await openTransactions(tx, chainId, wallet);
      const room = MAX_IN_FLIGHT - inFlight(open);
      if (room <= 0) return [];
      const limits = this.#batchLimits(head);
      const due = await claimDue(tx, which, room * limits.end);
      const again = due.filter((one) => one.askedBefore).map((one) => one.key);
      const carried = await stillCarried(this.#o, tx, again, head);
      const free = due.filter((one) => !carried.has(one.key));
      // What was asked for before is this wallet's alone; the rest is shared.
      const own = batchesOf(
        free.filter((one) => one.askedBefore),
        limits,
      );
      const shared = batchesOf(
        free.filter((one) => !one.askedBefore),
        limits,
      );
      const others = await roomOfOthers(tx, chainId, {
        address: wallet,
        maxInFlight: MAX_IN_FLIGHT,
        blockTimeS: clock.intervalS,
      });
      const transactions: SignedTransaction[] = [];
      const share = shareOf(shared.length, room - own.length, others);
      const mine = [...own, ...shared.slice(0, share)].slice(0, room);
      // An end has a block to be in: nothing goes before it.
      mine.sort((a, b) => Number(b.kind === "end") - Number(a.kind === "end"));
      for (const batch of mine) {
        const fees = cappedFees(market, feeCaps[batch.kind]);
        if (this.#caps.isOver(batch.kind, head, market)) continue;
        const spareWei = purse.spareWei([...open, ...transactions]);
        const { maxFeePerGasWei } = fees;
        const wanted = batch.operations.length;
        const items = affordableItems(batch.kind, wanted, maxFeePerGasWei, spareWei);
        if (items === 0) {
          const gas = gasLimit(batch.kind, 1);
          if (lacked === undefined || gas < lacked.gas) lacked = { gas, maxFeePerGasWei };
          // Something else may cost less.
          continue;
        }
        const operations = batch.operations.slice(0, items);
        const content = { kind: batch.kind, operations };
        const transaction = await sign(this.#o, content, {
          nonce,
          fees,
          signedAtBlock: head.number,
        });
        await insertTransaction(tx, chainId, transaction);
        transactions.push(transaction);
        if (operations.some((one) => one.askedBefore)) anew.add(transaction);
        nonce += 1;
        for (const { createdAt, notBeforeS } of operations)
          queuedSinceMs.push([batch.kind, Math.max(createdAt.getTime(), notBeforeS * 1000)]);
      }
      return transactions;
    });
    // Only what is committed counts.
    purse.nextNonce = nonce;
    if (lacked !== undefined) purse.lacks("new", lacked);
    else if (signed.length > 0) purse.enough("new");
    for (const { kind, operationKeys } of signed)
      if (kind !== "cancel") observer.operations("signed", kind, operationKeys.length);
    for (const [kind, sinceMs] of queuedSinceMs)
      observer.stage("queued", kind, (Date.now() - sinceMs) / 1000);
    return { signed, anew };
  }

  #batchLimits(head: Block): Record<OperationKind, number> {
    const limit = (kind: OperationKind): number =>
      batchLimit(kind, head.gasLimit, this.#o.maxBatchItems);
    return { end: limit("end"), mint: limit("mint"), settle: limit("settle") };
  }
}
