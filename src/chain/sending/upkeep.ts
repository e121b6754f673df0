import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import type { Block } from "../types.ts";
import { mustWait } from "./carriers.ts";
import type { Delivery } from "./delivery.ts";
import { bumpedFees, cappedFees, type FeeCaps, type Fees, marketFees, neededFees } from "./fees.ts";
import { operationsAt } from "./operations.ts";
import type { Purse } from "./purse.ts";
import type { TransactionSigner } from "./signer.ts";
import { type Content, sign } from "./signing.ts";
import {
  emptyNonces,
  insertTransaction,
  markHeld,
  newestOfEachNonce,
  openTransactions,
  type ReplacementReason,
  type SignedTransaction,
  type StoredTransaction,
} from "./transactions.ts";

export interface UpkeepOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly signer: TransactionSigner;
  readonly wallet: string;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly confirmations: number;
  readonly feeCaps: FeeCaps;
  readonly delivery: Delivery;
  readonly purse: Purse;
  readonly logger: Logger;
  readonly observer: SenderObserver;
}

/** Blocks without inclusion after which the same bytes are sent again, as nodes forget transactions. */
const RESEND_AFTER_BLOCKS = 2;
/** Blocks without inclusion after which a transaction that the market has left behind is outbid. */
const BUMP_AFTER_BLOCKS = 3;
/** Blocks after which the transaction that all others wait for is outbid although the market does not ask for it. */
const STUCK_AFTER_BLOCKS = 12;

/** Empty nonces that are looked at in one round. */
const MAX_GAPS = 64;

/** Keeps the open nonces of a wallet moving: sends again, outbids, holds at the cap, and lets no nonce stay empty. */
export class Upkeep {
  readonly #o: UpkeepOptions;
  /** The nonce that the chain waits for, and since when. */
  #stuckAt: { readonly nonce: number; readonly sinceBlock: number } | undefined;

  constructor(options: UpkeepOptions) {
    this.#o = options;
  }

  /** After a start: everything that is not mined goes out again, the same to the byte. */
  async resend(head: Block): Promise<void> {
    const { db, chainId, wallet, delivery } = this.#o;
    for (const transaction of newestOfEachNonce(await openTransactions(db, chainId, wallet)))
      if (transaction.state !== "mined") await delivery.send(transaction, head);
  }

  /** Sends again what a node may have forgotten and outbids what the market has left behind. */
  async revive(head: Block): Promise<void> {
    const { db, chainId, wallet, rpc, delivery } = this.#o;
    const waiting = newestOfEachNonce(await openTransactions(db, chainId, wallet)).filter(
      (one) => one.state !== "mined",
    );
    const age = (one: StoredTransaction): number => head.number - one.signedAtBlock;
    const stale = waiting.filter(
      // What a node did not plainly take (no room, an earlier nonce missing, no answer) goes out again with each block.
      (one) => one.lastSendError !== null || !one.wasBroadcast || age(one) >= RESEND_AFTER_BLOCKS,
    );
    if (stale.length === 0) return;
    const market = await marketFees(rpc, head);
    for (const transaction of stale) {
      const reason = await this.#whyReplace(transaction, market, head, waiting[0]);
      const replacement =
        reason === undefined
          ? undefined
          : await this.#replace(transaction, reason, market, head, waiting);
      if (replacement !== undefined) crashPoint("sender.replacement-stored");
      await delivery.send(replacement ?? transaction, head);
    }
  }

  /**
   * Fills each nonce that nothing occupies, neither here nor on the chain, with a cancel: whatever waits behind it could never
   * be included.
   */
  async closeGaps(head: Block): Promise<void> {
    const { db, rpc, chainId, purse, observer, logger, feeCaps, delivery, wallet } = this.#o;
    if (this.#stuckAt?.nonce !== purse.chainLatest)
      this.#stuckAt = { nonce: purse.chainLatest, sinceBlock: head.number };
    // What a pool shows and we do not know is left alone, unless it is never included and all else waits behind it.
    const isStuck = head.number - this.#stuckAt.sinceBlock >= STUCK_AFTER_BLOCKS;
    const from = isStuck ? purse.chainLatest : purse.chainPending;
    const to = Math.min(purse.nextNonce, from + MAX_GAPS);
    if (to <= from) return;
    const gaps = await emptyNonces(db, chainId, wallet, from, to);
    if (gaps.length === 0) return;
    observer.gaps("detected", gaps.length);
    const market = await marketFees(rpc, head);
    const first = cappedFees(market, feeCaps.cancel);
    for (const { nonce, refused } of gaps) {
      // Should a node have kept what it refused, the cancel must be able to take its place.
      const fees =
        refused === null ? first : (bumpedFees(refused, market, feeCaps.cancel) ?? first);
      const cancel = await sign(
        this.#o,
        { kind: "cancel" },
        {
          nonce,
          fees,
          signedAtBlock: head.number,
          replaces: refused?.hash ?? null,
          replacementReason: refused === null ? "gap" : "void",
        },
      );
      const costWei = BigInt(cancel.gasLimit) * cancel.maxFeePerGasWei;
      if (purse.spareWei(await openTransactions(db, chainId, wallet)) < costWei)
        return purse.pause(costWei);
      await insertTransaction(db, chainId, cancel);
      crashPoint("sender.cancel-stored");
      logger.warn("an empty nonce is filled with a cancel", {
        nonce,
        transactionHash: cancel.hash,
      });
      await delivery.send(cancel, head);
      observer.gaps("closed", 1);
    }
  }

  async #whyReplace(
    transaction: StoredTransaction,
    market: Fees,
    head: Block,
    lowest: StoredTransaction | undefined,
  ): Promise<ReplacementReason | undefined> {
    const { db, chainId, wallet } = this.#o;
    const age = head.number - transaction.signedAtBlock;
    // The chain counts the nonce as used: what is needed is to find out by what, not a dearer transaction.
    if (transaction.nonce < this.#o.purse.chainLatest) return undefined;
    // Nobody may see anything new that carries what an earlier nonce still carries.
    if (await mustWait(this.#o, db, transaction, head)) return undefined;
    // A reorg brought back a transaction some of whose operations have gone elsewhere: it must not carry them any more.
    const still = await operationsAt(db, chainId, wallet, transaction.nonce);
    if (still.length < transaction.operationKeys.length) return "moved";
    // No node took a dearer one: it is tried again now and then.
    if (transaction.heldReason === "refused" && age % STUCK_AFTER_BLOCKS !== 0) return undefined;
    if (isUnderpriced(transaction, head)) return "underpriced";
    const needed = neededFees(market, head);
    if (
      age >= BUMP_AFTER_BLOCKS &&
      (transaction.maxFeePerGasWei < needed.maxFeePerGasWei ||
        transaction.maxPriorityFeePerGasWei < needed.maxPriorityFeePerGasWei)
    )
      return "market";
    if (age >= STUCK_AFTER_BLOCKS && transaction.hash === lowest?.hash) return "stuck";
    return undefined;
  }

  /**
   * A dearer transaction of the same nonce, stored before anybody sees it: the same call, or less of it when operations have
   * moved, or a cancel when none is left. Undefined when the cap allows no dearer one: then the old one is held.
   */
  async #replace(
    transaction: StoredTransaction,
    reason: ReplacementReason,
    market: Fees,
    head: Block,
    waiting: readonly StoredTransaction[],
  ): Promise<SignedTransaction | undefined> {
    const { db, chainId, wallet, logger, observer, feeCaps } = this.#o;
    const { kind, nonce, hash } = transaction;
    const capWei = feeCaps[kind];
    // Dearer than all of its nonce, those that no node took included: the same bytes would be the same transaction again.
    const open = await openTransactions(db, chainId, wallet);
    const dearest = open.find((one) => one.nonce === nonce) ?? transaction;
    let fees = bumpedFees(dearest, market, capWei);
    // What may pay more must not wait behind what may not: the nonce is given to a cancel.
    const blocking =
      fees === undefined && waiting.some((one) => one.nonce > nonce && feeCaps[one.kind] > capWei);
    if (blocking) {
      reason = "blocking";
      fees = bumpedFees(dearest, market, feeCaps.cancel);
    }
    if (fees === undefined) {
      if (transaction.heldReason === null) {
        await markHeld(db, hash, "fee_cap");
        observer.feeCapHit(kind);
        logger.error("a transaction is held: outbidding it would cost more than the cap allows", {
          nonce,
          transactionHash: hash,
          capWei: capWei.toString(),
        });
      }
      return undefined;
    }
    const replacement = await db.transaction(async (tx) => {
      const operations = await operationsAt(tx, chainId, wallet, nonce);
      // The call stays the same to the byte, so the items keep the order of the first signing.
      const ordered = transaction.operationKeys
        .map((key) => operations.find((one) => one.key === key))
        .filter((one) => one !== undefined);
      const content: Content =
        kind === "cancel" || blocking || ordered.length === 0
          ? { kind: "cancel" }
          : { kind, operations: ordered };
      const signed = await sign(this.#o, content, {
        nonce,
        fees,
        signedAtBlock: head.number,
        replaces: hash,
        replacementReason: reason,
      });
      await insertTransaction(tx, chainId, signed);
      return signed;
    });
    observer.replaced(reason);
    logger.info("a transaction is outbid", {
      nonce,
      reason,
      transactionHash: replacement.hash,
      replaces: hash,
    });
    return replacement;
  }
}

/** A node said that it is too cheap, in a block before this one. */
function isUnderpriced(transaction: StoredTransaction, head: Block): boolean {
  return (
    head.number > transaction.signedAtBlock &&
    (transaction.lastSendError === "underpriced" ||
      transaction.lastSendError === "replacement_underpriced")
  );
}
