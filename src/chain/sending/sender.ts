import { crashPoint } from "../../crash.ts";
import { Transaction, type Wallet } from "ethers";
import type { Transactor } from "../../db/database.ts";
import type { OperationKind } from "../../domain/process.ts";
import { messageOf, refused } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, chainIdOf, latestBlock, QuantityNumber } from "../types.ts";
import { batchLimit, encodeCall, gasLimit } from "./calls.ts";
import { classifySendError } from "./classify.ts";
import { bumpedFees, type Fees, marketFees } from "./fees.ts";
import { ReceiptWatcher } from "./receipts.ts";
import { claimDue, nextDueS, type Operation, operationsAt } from "./operations.ts";
import {
  highestNonce,
  insertTransaction,
  liveTransactions,
  markBroadcast,
  noteSendError,
  type SignedTransaction,
  type StoredTransaction,
} from "./transactions.ts";
import { BlockClock } from "./timing.ts";

export interface SenderOptions {
  readonly rpc: JsonRpc;
  /** The leader's connection: a process that lost the lock cannot allocate a nonce. */
  readonly db: Transactor;
  readonly signer: Wallet;
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly logger: Logger;
  readonly nowMs?: () => number;
}

/** Nodes keep 16 executable transactions of an account for sure (geth AccountSlots). */
const MAX_IN_FLIGHT = 16;
/** Blocks without inclusion after which a transaction is outbid. */
const BUMP_AFTER_BLOCKS = 3;
/** Blocks without inclusion after which the same bytes are sent again, as nodes forget transactions. */
const RESEND_AFTER_BLOCKS = 2;

/**
 * Sends the operations of one wallet. The states of a transaction:
 *
 * | state     | meaning                                            | leaves it when                                        |
 * | --------- | -------------------------------------------------- | ----------------------------------------------------- |
 * | signed    | hash, bytes and nonce are committed; nobody saw it  | it was handed to a node, whatever the node answered    |
 * | broadcast | a node has or may have it                           | a receipt stands on the canonical chain, or another transaction of its nonce is final (replaced) |
 * | mined     | a receipt was seen; its block is checked each round | finality depth is reached, or the block vanished (broadcast again) |
 * | final     | nothing can take it back                            | never                                                  |
 * | replaced  | another transaction of the same nonce is final      | never                                                  |
 *
 * An operation follows the transactions of its one nonce: pending → signed → broadcast → mined → final, or refused. It
 * goes back to pending only when a confirmed transaction consumed its nonce without the wanted effect.
 */
export class WalletSender {
  readonly #o: SenderOptions;
  readonly #clock = new BlockClock();
  readonly #receipts: ReceiptWatcher;
  readonly #nowMs: () => number;
  readonly wallet: string;
  #nextNonce: number | undefined;
  #lastSeenBlock = -1;

  constructor(options: SenderOptions) {
    this.#o = options;
    this.wallet = options.signer.address.toLowerCase();
    this.#nowMs = options.nowMs ?? Date.now;
    this.#receipts = new ReceiptWatcher({ ...options, wallet: this.wallet });
  }

  /**
   * Takes over the wallet: checks the chain, finds the next nonce and sends everything again that may be lost.
   * @throws AppError `wrong_chain` (refuse); `rpc_unavailable` (retry)
   */
  async start(): Promise<void> {
    const { rpc, db, chainId } = this.#o;
    const actual = await chainIdOf(rpc);
    if (actual !== chainId)
      throw refused(
        "wrong_chain",
        `the RPC endpoint serves chain ${actual}, this wallet sends on chain ${chainId}`,
      );
    const pending = await rpc.call(QuantityNumber, "eth_getTransactionCount", [
      this.wallet,
      "pending",
    ]);
    this.#nextNonce = Math.max(pending, (await highestNonce(db, chainId, this.wallet)) + 1);
    for (const transaction of await liveTransactions(db, chainId, this.wallet)) {
      if (transaction.state !== "mined") await this.#broadcast(transaction);
    }
    crashPoint("sender.started");
  }

  /** One round: looks at what is in flight when there is a new block, and sends what is due. */
  async tick(): Promise<void> {
    const head = await latestBlock(this.#o.rpc);
    this.#clock.observe(head, this.#nowMs());
    // What is due goes out first: looking at receipts takes several requests, and the block does not wait.
    await this.#sendDue(head);
    if (head.number === this.#lastSeenBlock) return;
    await this.#receipts.review(head);
    await this.#revive(head);
    this.#lastSeenBlock = head.number;
  }

  /** How long until the next round, in milliseconds: a fifth of the block time. */
  get pollMs(): number {
    return Math.min(1_000, Math.max(100, this.#clock.intervalS * 200));
  }

  async #sendDue(head: Block): Promise<void> {
    const nextTimestampS = this.#clock.nextTimestampS(this.#nowMs());
    const dueS = await nextDueS(this.#o.db, this.#o.chainId);
    if (nextTimestampS === undefined || dueS === undefined || dueS > nextTimestampS) return;
    const fees = await marketFees(this.#o.rpc, head);
    const signed = await this.#allocate(head, nextTimestampS, fees);
    await Promise.all(signed.map((transaction) => this.#broadcast(transaction)));
  }

  /** Claims due operations, signs a transaction per batch and stores both, in one commit. Nothing is broadcast here. */
  async #allocate(head: Block, nextTimestampS: number, fees: Fees): Promise<SignedTransaction[]> {
    const { db, chainId } = this.#o;
    let nonce = this.#nextNonce;
    if (nonce === undefined) throw new Error("start() must run before tick()");
    const signed = await db.transaction(async (tx) => {
      const room =
        MAX_IN_FLIGHT -
        new Set(
          (await liveTransactions(tx, chainId, this.wallet))
            .filter((one) => one.state !== "mined")
            .map((one) => one.nonce),
        ).size;
      if (room <= 0) return [];
      const due = await claimDue(tx, chainId, nextTimestampS, room * batchLimit("end"));
      const transactions: SignedTransaction[] = [];
      for (const batch of batchesOf(due).slice(0, room)) {
        const transaction = await this.#sign({
          kind: batch.kind,
          operations: batch.operations,
          nonce: nonce as number,
          fees,
          replaces: null,
          head,
        });
        await insertTransaction(tx, chainId, transaction);
        transactions.push(transaction);
        nonce = (nonce as number) + 1;
      }
      return transactions;
    });
    this.#nextNonce = nonce;
    if (signed.length > 0) crashPoint("sender.stored");
    return signed;
  }

  async #sign(input: {
    kind: OperationKind;
    operations: readonly Operation[];
    nonce: number;
    fees: Fees;
    replaces: string | null;
    head: Block;
  }): Promise<SignedTransaction> {
    const { signer, chainId, auctionContract } = this.#o;
    const gas = gasLimit(input.kind, input.operations.length);
    const rawTransaction = await signer.signTransaction({
      type: 2,
      chainId,
      nonce: input.nonce,
      to: auctionContract,
      data: encodeCall(input.kind, input.operations),
      value: 0n,
      gasLimit: gas,
      maxFeePerGas: input.fees.maxFeePerGasWei,
      maxPriorityFeePerGas: input.fees.maxPriorityFeePerGasWei,
    });
    return {
      ...input.fees,
      hash: Transaction.from(rawTransaction).hash as string,
      wallet: this.wallet,
      nonce: input.nonce,
      kind: input.kind,
      operationKeys: input.operations.map((one) => one.key),
      rawTransaction,
      gasLimit: gas,
      replaces: input.replaces,
      signedAtBlock: input.head.number,
    };
  }

  /** Hands stored bytes to the node. Whatever comes back, the nonce stays taken. */
  async #broadcast(transaction: SignedTransaction): Promise<void> {
    const { rpc, db, logger } = this.#o;
    for (const [index] of rpc.endpoints.entries()) {
      try {
        await rpc.callEndpoint(index, "eth_sendRawTransaction", [transaction.rawTransaction]);
        crashPoint("sender.broadcast");
        await markBroadcast(db, transaction.hash, null);
        crashPoint("sender.noted");
        return;
      } catch (error) {
        const meaning = classifySendError(error);
        if (meaning === "already_known") {
          await markBroadcast(db, transaction.hash, null);
          return;
        }
        logger.warn("a transaction was not plainly accepted", {
          transactionHash: transaction.hash,
          nonce: transaction.nonce,
          meaning,
          answer: messageOf(error).slice(0, 200),
        });
        if (meaning === "insufficient_funds" || meaning === "rejected") {
          await noteSendError(db, transaction.hash, meaning);
          return;
        }
        await markBroadcast(db, transaction.hash, meaning);
        if (meaning !== "unknown") return;
        // No answer: the next endpoint gets the same bytes.
      }
    }
  }

  /** Sends again what a node may have forgotten and outbids what the market has left behind. */
  async #revive(head: Block): Promise<void> {
    const { db, chainId, rpc } = this.#o;
    const newestOfNonce = new Map<number, StoredTransaction>();
    for (const one of await liveTransactions(db, chainId, this.wallet))
      if (!newestOfNonce.has(one.nonce)) newestOfNonce.set(one.nonce, one);
    const waiting = [...newestOfNonce.values()].filter((one) => one.state !== "mined");
    const stale = waiting.filter((one) => head.number - one.signedAtBlock >= RESEND_AFTER_BLOCKS);
    if (stale.length === 0) return;
    const market = await marketFees(rpc, head);
    for (const transaction of stale) {
      const outbid =
        head.number - transaction.signedAtBlock >= BUMP_AFTER_BLOCKS &&
        transaction.kind !== "cancel" &&
        (transaction.maxFeePerGasWei < market.maxFeePerGasWei ||
          transaction.maxPriorityFeePerGasWei < market.maxPriorityFeePerGasWei);
      const next = outbid ? await this.#replace(transaction, market, head) : transaction;
      if (outbid) crashPoint("sender.replacement-stored");
      await this.#broadcast(next);
    }
  }

  /** A dearer transaction of the same nonce with the same call, stored before anybody sees it. */
  async #replace(
    transaction: StoredTransaction,
    market: Fees,
    head: Block,
  ): Promise<SignedTransaction> {
    const { db, chainId, logger } = this.#o;
    return db.transaction(async (tx) => {
      const operations = await operationsAt(tx, chainId, this.wallet, transaction.nonce);
      // The call must be the same to the byte, so the items keep the order of the first signing.
      const ordered = transaction.operationKeys
        .map((key) => operations.find((one) => one.key === key))
        .filter((one) => one !== undefined);
      const replacement = await this.#sign({
        kind: transaction.kind as OperationKind,
        operations: ordered,
        nonce: transaction.nonce,
        fees: bumpedFees(transaction, market),
        replaces: transaction.hash,
        head,
      });
      await insertTransaction(tx, chainId, replacement);
      logger.info("a transaction is outbid", {
        nonce: transaction.nonce,
        transactionHash: replacement.hash,
        replaces: transaction.hash,
      });
      return replacement;
    });
  }
}

/** Batches of one kind each; an operation that failed in a batch before goes alone, so that it harms nobody. */
export function batchesOf(
  due: readonly Operation[],
): { readonly kind: OperationKind; readonly operations: Operation[] }[] {
  const batches: { kind: OperationKind; operations: Operation[] }[] = [];
  for (const kind of ["end", "mint", "settle"] as const) {
    const ofKind = due.filter((one) => one.kind === kind);
    const fresh = ofKind.filter((one) => one.attempts === 0);
    for (let start = 0; start < fresh.length; start += batchLimit(kind))
      batches.push({ kind, operations: fresh.slice(start, start + batchLimit(kind)) });
    for (const operation of ofKind.filter((one) => one.attempts > 0))
      batches.push({ kind, operations: [operation] });
  }
  return batches;
}
