import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import type { Block } from "../types.ts";
import { mustWait } from "./carriers.ts";
import type { Delivery } from "./delivery.ts";
import { bumpedFees, type FeeCaps, type Fees, marketFees, neededFees } from "./fees.ts";
import { operationsAt } from "./operations.ts";
import { costWei, type Purse, type Shortage } from "./purse.ts";
import type { TransactionSigner } from "./signer.ts";
import { type Content, sign } from "./signing.ts";
import type { TipFloor } from "./tip-floor.ts";
import {
  forgetFalseHeights,
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
  readonly tipFloor: TipFloor;
}

/** Blocks without inclusion after which the same bytes are sent again, as nodes forget transactions. */
const RESEND_AFTER_BLOCKS = 2;
/** Blocks without inclusion after which a transaction that the market has left behind is outbid. */
const BUMP_AFTER_BLOCKS = 3;
/** Blocks after which the transaction that all others wait for is outbid although the market does not ask for it. */
export const STUCK_AFTER_BLOCKS = 12;

/** Keeps the open nonces of a wallet moving: sends again, outbids, and holds at the cap. */
export class Upkeep {
  readonly #o: UpkeepOptions;
  /** The cheapest dearer transaction of this round that could not be paid. */
  #lacked: Shortage | undefined;

  constructor(options: UpkeepOptions) {
    this.#o = options;
  }

  /** After a start: everything that is not mined goes out again, the same to the byte. */
  async resend(head: Block): Promise<void> {
    const { db, chainId, wallet } = this.#o;
    const newest = newestOfEachNonce(await openTransactions(db, chainId, wallet));
    await this.#sendAll(
      newest.filter((one) => one.state !== "mined"),
      head,
    );
  }

  /** At once: with a node that takes seconds to answer, the last of many would go out long after its block. @throws the first failure */
  async #sendAll(
    transactions: readonly (SignedTransaction | StoredTransaction)[],
    head: Block,
  ): Promise<void> {
    const { delivery } = this.#o;
    const results = await Promise.allSettled(transactions.map((one) => delivery.send(one, head)));
    // Some nodes (nethermind, nitro) do not keep a transaction that overtook the one before it on the way.
    const early = transactions.filter((_, index) => {
      const result = results[index];
      return result?.status === "fulfilled" && result.value === "nonce_too_high";
    });
    for (const one of early.toSorted((a, b) => a.nonce - b.nonce)) await delivery.send(one, head);
    const failed = results.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** Sends again what a node may have forgotten and outbids what the market has left behind. */
  async revive(head: Block): Promise<void> {
    const { db, chainId, wallet, rpc, purse, tipFloor } = this.#o;
    await forgetFalseHeights(db, chainId, wallet, head.number);
    const open = await openTransactions(db, chainId, wallet);
    const waiting = newestOfEachNonce(open).filter((one) => one.state !== "mined");
    const age = (one: StoredTransaction): number => head.number - one.signedAtBlock;
    const stale = waiting.filter(
      // What a node did not plainly take (no room, an earlier nonce missing, no answer) goes out again with each block.
      (one) => one.lastSendError !== null || !one.wasBroadcast || age(one) >= RESEND_AFTER_BLOCKS,
    );
    if (stale.length === 0) {
      purse.enough("dearer");
      return;
    }
    const market = await marketFees(rpc, head, tipFloor.wei);
    const sends: (SignedTransaction | StoredTransaction)[] = [];
    this.#lacked = undefined;
    for (const transaction of stale) {
      const reason = await this.#whyReplace(transaction, market, head, waiting[0]);
      const replacement =
        reason === undefined
          ? undefined
          : await this.#replace(transaction, reason, market, head, waiting);
      if (replacement !== undefined) crashPoint("sender.replacement-stored");
      sends.push(replacement ?? transaction, ...(await this.#cheaperOf(transaction, open)));
    }
    if (this.#lacked === undefined) purse.enough("dearer");
    else purse.lacks("dearer", this.#lacked);
    await this.#sendAll(sends, head);
  }

  /**
   * The cheaper transactions of a nonce whose dearest one the wallet cannot pay now, dearest first. A price that rose for a moment may
   * have made that one; the others are as good as before, if all that they carry is still this nonce's.
   */
  async #cheaperOf(
    transaction: StoredTransaction,
    open: readonly StoredTransaction[],
  ): Promise<StoredTransaction[]> {
    const { nonce, hash, kind, lastSendError } = transaction;
    if (lastSendError !== "insufficient_funds" || kind === "cancel") return [];
    const { db, chainId, wallet } = this.#o;
    const keys = new Set((await operationsAt(db, chainId, wallet, nonce)).map((one) => one.key));
    return open.filter(
      (one) =>
        one.nonce === nonce &&
        one.hash !== hash &&
        one.state !== "void" &&
        one.operationKeys.every((key) => keys.has(key)),
    );
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
    const { db, chainId, wallet, logger, observer, feeCaps, purse } = this.#o;
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
      if (costWei(signed) - costWei(dearest) > purse.spareWei(open)) {
        // A node takes nothing that the wallet cannot pay: what it has stays, until the market falls or money comes.
        const { gasLimit: gas, maxFeePerGasWei } = signed;
        if (this.#lacked === undefined || gas < this.#lacked.gas)
          this.#lacked = { gas, maxFeePerGasWei };
        return undefined;
      }
      await insertTransaction(tx, chainId, signed);
      return signed;
    });
    if (replacement === undefined) return undefined;
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
