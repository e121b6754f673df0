import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import { refused } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { type SenderObserver, SILENT } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, latestBlock, QuantityNumber } from "../types.ts";
import { type Allocation, Allocator } from "./allocator.ts";
import { Broadcaster } from "./broadcaster.ts";
import { extendedByUnreadBids } from "./extensions.ts";
import { Delivery } from "./delivery.ts";
import { type FeeCaps, marketFees } from "./fees.ts";
import { nextDueS } from "./due.ts";
import { armEnds } from "./operations.ts";
import { Purse } from "./purse.ts";
import { ReceiptWatcher } from "./receipts.ts";
import type { TransactionSigner } from "./signer.ts";
import { BlockClock } from "./timing.ts";
import type { SignedTransaction } from "./transactions.ts";
import { Upkeep } from "./upkeep.ts";

export interface SenderOptions {
  readonly rpc: JsonRpc;
  /** The leader's connection: a process that lost the lock cannot allocate a nonce. */
  readonly db: Transactor;
  readonly signer: TransactionSigner;
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly feeCaps: FeeCaps;
  /** The most operations one transaction may hold. */
  readonly maxBatchItems: number;
  readonly logger: Logger;
  readonly observer?: SenderObserver;
  readonly nowMs?: () => number;
}

/** An end that nobody has asked for is asked for by the sender so many seconds and two blocks before its time. */
const ARM_AHEAD_S = 3;
/** Blocks that tell the clock how regular the chain is. */
const CLOCK_HISTORY = 16;

/**
 * Sends the operations of one wallet. The states of a transaction, a cancel (kind `cancel`) included:
 *
 * | state     | meaning                                                  | leaves it when                                                     |
 * | --------- | -------------------------------------------------------- | ------------------------------------------------------------------ |
 * | signed    | hash, bytes and nonce are committed; no node is known to have it | a node took it or may have (broadcast); all refused it for good (void) |
 * | broadcast | a node has it or may have it                              | see below                                                          |
 * | mined     | its receipt is in a block that was on the chain at the last look | the block is finality depth deep (final), or left the chain (broadcast) |
 * | final     | the block is finality depth deep                          | never, unless the chain shows that a deeper reorg took it (broadcast) |
 * | replaced  | another of our transactions of the nonce is final         | never                                                              |
 * | void      | every node refused its bytes for good and none may have it; a cancel, or what it was to replace, has the nonce | see below    |
 * | consumed  | a transaction that is none of ours has used the nonce, finally | never                                                         |
 *
 * Whatever is open (signed, broadcast, void) becomes mined when its receipt is found, replaced when another of its nonce is final,
 * and consumed when a foreign one is. `held_reason` says why one that waits is not outbid: `fee_cap` (a dearer one would cost
 * more than may be paid; operators are told) or `refused` (no node takes a dearer one). It is sent again all the same.
 *
 * An operation follows the transactions of its one nonce:
 *
 * | state     | settled | meaning                                                                                      |
 * | --------- | ------- | -------------------------------------------------------------------------------------------- |
 * | pending   | no      | waits for its time, for a wallet, or for the market to fall below the cap                     |
 * | signed, broadcast | no | has its nonce                                                                             |
 * | mined     | no, yes | is in a block; settled once its process was told what came of it, after the confirmations      |
 * | final     | yes     | nothing can take it back; without a nonce somebody else did it (reason `done_by_other`)        |
 * | refused   | yes     | the contract refused it, or it was tried too often                                             |
 *
 * A block that leaves the chain puts it back to broadcast and unsettled. It goes back to pending, for another nonce, only when its
 * own cannot carry it any more (docs/adr/0007), or when a refused one is asked for again (operations.ts). The wallet that had it
 * sends it anew; another one only when nothing can bring the first nonce back (due.ts).
 */
export class WalletSender {
  readonly #o: SenderOptions;
  readonly #clock = new BlockClock();
  readonly #receipts: ReceiptWatcher;
  readonly #delivery: Delivery;
  readonly #upkeep: Upkeep;
  readonly #purse: Purse;
  readonly #allocator: Allocator;
  readonly #observer: SenderObserver;
  readonly #nowMs: () => number;
  readonly wallet: string;
  #lastSeen: Block | undefined;
  #nextDueS: number | undefined;

  constructor(options: SenderOptions) {
    this.#o = options;
    this.wallet = options.signer.address.toLowerCase();
    this.#nowMs = options.nowMs ?? Date.now;
    this.#observer = options.observer ?? SILENT;
    const shared = { ...options, wallet: this.wallet, observer: this.#observer };
    this.#delivery = new Delivery({ ...shared, broadcaster: new Broadcaster(shared) });
    this.#receipts = new ReceiptWatcher(shared);
    this.#purse = new Purse(shared);
    this.#allocator = new Allocator({ ...shared, clock: this.#clock, purse: this.#purse });
    this.#upkeep = new Upkeep({ ...shared, delivery: this.#delivery, purse: this.#purse });
  }

  /**
   * Takes over the wallet: checks the chain of every endpoint, finds the next nonce, and sends everything again that may be
   * lost.
   * @throws AppError `wrong_chain` (refuse); `rpc_unavailable` (retry)
   */
  async start(): Promise<void> {
    const { rpc, chainId } = this.#o;
    const chains = await rpc.callAll(QuantityNumber, "eth_chainId", []);
    const others = chains.filter((actual) => actual !== chainId);
    if (others.length === chains.length)
      throw refused(
        "wrong_chain",
        `the RPC endpoints serve chain ${others.join(", ")}, this wallet sends on chain ${chainId}`,
      );
    // From here on an endpoint of another chain is not used.
    rpc.pin(chainId);
    if (others.length > 0)
      this.#o.logger.error("an RPC endpoint serves another chain and is not used", { others });
    const head = await latestBlock(rpc);
    const first = Math.max(0, head.number - CLOCK_HISTORY);
    const history = await Promise.all(
      Array.from({ length: head.number - first }, (_, index) => blockByNumber(rpc, first + index)),
    );
    this.#clock.seed(history.filter((one) => one !== null));
    await this.#purse.open();
    await this.#upkeep.resend(head);
    crashPoint("sender.started");
  }

  /**
   * One round: sends what is due and, when there is a new block, looks at what became of everything that is open. Returns the
   * number of the chain's head.
   */
  async tick(): Promise<number> {
    const head = await latestBlock(this.#o.rpc);
    this.#clock.observe(head, this.#nowMs());
    const last = this.#lastSeen;
    // After a reorg what was told of operations may no longer be true: that is looked at before any of them is sent anew.
    const reorganised =
      last !== undefined &&
      head.hash !== last.hash &&
      (head.number <= last.number ||
        (head.number === last.number + 1 && head.parentHash !== last.hash));
    if (reorganised) await this.#receipts.review(head);
    // What is due goes out first otherwise: looking at receipts takes several requests, and the block does not wait.
    await this.#sendDue(head);
    if (head.hash === last?.hash) return head.number;
    await this.#armEnds(head);
    if (!reorganised) await this.#receipts.review(head);
    await this.#purse.look();
    await this.#upkeep.revive(head);
    await this.#upkeep.closeGaps(head);
    this.#lastSeen = head;
    return head.number;
  }

  /** The usual time between blocks, in milliseconds. */
  get blockTimeMs(): number {
    return this.#clock.intervalS * 1_000;
  }

  /** How long until the next round, in milliseconds. */
  get pollMs(): number {
    return this.#clock.pollMs(this.#nowMs(), this.#nextDueS);
  }

  async #armEnds(head: Block): Promise<void> {
    const { db, chainId, auctionContract } = this.#o;
    const aheadS = 2 * this.#clock.intervalS + ARM_AHEAD_S;
    const asked = await armEnds(db, chainId, auctionContract, head.timestampS + aheadS);
    if (asked > 0) this.#observer.operations("created", "end", asked);
  }

  async #sendDue(head: Block): Promise<void> {
    const { db, rpc, chainId, auctionContract, finalityDepth } = this.#o;
    const nextTimestampS = this.#clock.nextTimestampS(this.#nowMs());
    const finalBlock = head.number - finalityDepth;
    const due = { chainId, contract: auctionContract, wallet: this.wallet, finalBlock };
    const dueS = await nextDueS(db, due);
    this.#nextDueS = dueS;
    if (nextTimestampS === undefined || dueS === undefined || dueS > nextTimestampS) return;
    // What is due is left to the wallets that can pay for it.
    if (this.#purse.paused) return;
    const [market, extended] = await Promise.all([
      marketFees(rpc, head),
      extendedByUnreadBids(this.#o, head, nextTimestampS),
    ]);
    const which = { ...due, nextTimestampS, except: extended };
    const allocation = await this.#allocator.allocate(head, which, market);
    if (allocation.signed.length > 0) crashPoint("sender.stored");
    await this.#sendFirst(allocation, head);
  }

  /** The first broadcast of new transactions, all at once. */
  async #sendFirst({ signed, anew }: Allocation, head: Block): Promise<void> {
    const early: SignedTransaction[] = [];
    await Promise.all(
      signed.map(async (transaction) => {
        const result = await this.#delivery.send(transaction, head, anew.has(transaction));
        if (result === "nonce_too_high") early.push(transaction);
      }),
    );
    // Some nodes (nethermind, nitro) do not keep a transaction that overtook the one before it on the way.
    for (const transaction of early.sort((a, b) => a.nonce - b.nonce))
      await this.#delivery.send(transaction, head, anew.has(transaction));
  }
}
