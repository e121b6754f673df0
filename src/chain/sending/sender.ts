import { crashPoint } from "../../crash.ts";
import type { Transactor } from "../../db/database.ts";
import { unavailable } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { type SenderObserver, SILENT } from "../observer.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, latestBlock, QuantityNumber } from "../types.ts";
import { type Allocation, Allocator } from "./allocator.ts";
import { Broadcaster } from "./broadcaster.ts";
import { extendedByUnreadBids } from "./extensions.ts";
import { Delivery } from "./delivery.ts";
import { inTurn } from "./in-turn.ts";
import { type FeeCaps, marketFees } from "./fees.ts";
import { nextDueS } from "./due.ts";
import { Gaps } from "./gaps.ts";
import { armEnds } from "./operations.ts";
import { Purse } from "./purse.ts";
import { ReceiptWatcher } from "./receipts.ts";
import type { TransactionSigner } from "./signer.ts";
import { BlockClock } from "./timing.ts";
import { TipFloor } from "./tip-floor.ts";
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
  /** Lower-case. */
  readonly passContract: string;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly feeCaps: FeeCaps;
  /** The least priority fee that is ever offered, in wei, on chains whose nodes suggest less than they take. */
  readonly leastTipWei?: bigint;
  /** The most operations one transaction may hold. */
  readonly maxBatchItems: number;
  readonly logger: Logger;
  readonly observer?: SenderObserver;
  readonly nowMs?: () => number;
  /** Called with each piece of a round that is done: with slow nodes a round may be long. */
  readonly onProgress?: () => void;
}

/** The sender itself requests an end so many seconds and two blocks before its time. */
const ARM_AHEAD_S = 3;
/** Looks in a row that must show a head before it is believed that the chain has come so far. */
const CONFIRMING_LOOKS = 20;
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
  readonly #gaps: Gaps;
  readonly #purse: Purse;
  readonly #allocator: Allocator;
  readonly #observer: SenderObserver;
  readonly #tipFloor: TipFloor;
  readonly #nowMs: () => number;
  readonly wallet: string;
  #lastSeen: Block | undefined;
  #lastSeenAtMs = 0;
  /** How many looks in a row have shown a head that is too far away. */
  #incredibleLooks = 0;
  #nextDueS: number | undefined;

  constructor(options: SenderOptions) {
    this.#o = options;
    this.wallet = options.signer.address.toLowerCase();
    this.#nowMs = options.nowMs ?? Date.now;
    this.#observer = options.observer ?? SILENT;
    this.#tipFloor = new TipFloor(options.leastTipWei);
    const shared = {
      ...options,
      wallet: this.wallet,
      observer: this.#observer,
      tipFloor: this.#tipFloor,
    };
    this.#delivery = new Delivery({ ...shared, broadcaster: new Broadcaster(shared) });
    this.#receipts = new ReceiptWatcher(shared);
    this.#purse = new Purse(shared);
    this.#allocator = new Allocator({ ...shared, clock: this.#clock, purse: this.#purse });
    const keeping = { ...shared, delivery: this.#delivery, purse: this.#purse };
    this.#upkeep = new Upkeep(keeping);
    this.#gaps = new Gaps(keeping);
  }

  /**
   * Takes over the wallet: checks the chain of every endpoint, finds the next nonce, and sends everything again that may be
   * lost.
   * @throws AppError `wrong_chain` (retry: preflight has seen the right chain, so it is a moment of another), `rpc_unavailable` (retry)
   */
  async start(): Promise<void> {
    const { rpc, chainId } = this.#o;
    const chains = await rpc.callAll(QuantityNumber, "eth_chainId", []);
    const others = chains.filter((actual) => actual !== chainId);
    if (others.length === chains.length)
      throw unavailable(
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
    const parent = history.at(-1);
    if (parent !== undefined && parent?.hash !== head.parentHash)
      throw unavailable(
        "rpc_unavailable",
        `the RPC endpoints show block ${head.number} as the newest, but not the block before it`,
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
    const { rpc } = this.#o;
    const last = this.#lastSeen;
    let head = await latestBlock(rpc);
    if (contradicts(head, last)) {
      // A reorg, or a node of another chain.
      rpc.doubtChain();
      head = await latestBlock(rpc);
    }
    if (this.#isIncredible(head)) return last?.number ?? head.number;
    this.#clock.observe(head, this.#nowMs());
    // After a reorg what was told of operations may no longer be true: that is looked at before any of them is sent anew.
    const reorganised = contradicts(head, last);
    if (reorganised) await this.#receipts.review(head);
    // What is due goes out first otherwise: looking at receipts takes several requests, and the block does not wait.
    if (head.hash === last?.hash) {
      await this.#sendDue(head);
      return head.number;
    }
    await inTurn(this.#o.onProgress, [
      () => this.#sendDue(head),
      () => this.#armEnds(head),
      async () => {
        if (!reorganised) await this.#receipts.review(head);
      },
      () => this.#purse.look(),
      () => this.#upkeep.revive(head),
      () => this.#gaps.close(head),
    ]);
    this.#lastSeen = head;
    this.#lastSeenAtMs = performance.now();
    return head.number;
  }

  /**
   * Whether a head is further away than the chain can have come since the last one: a node that errs, for a moment. Nothing is keyed
   * to such a height; it is believed once several looks in a row have shown one.
   */
  #isIncredible(head: Block): boolean {
    const last = this.#lastSeen;
    const sinceS = (performance.now() - this.#lastSeenAtMs) / 1_000;
    const most = 64 + (2 * sinceS) / Math.max(0.1, this.#clock.intervalS);
    if (last === undefined || head.number - last.number <= most) {
      this.#incredibleLooks = 0;
      return false;
    }
    this.#incredibleLooks += 1;
    return this.#incredibleLooks < CONFIRMING_LOOKS;
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
    // What cannot be paid is left to the other wallets, and looked at again with the next block, at its price.
    if (this.#purse.lacksNew && head.hash === this.#lastSeen?.hash) return;
    const [market, extended] = await Promise.all([
      marketFees(rpc, head, this.#tipFloor.wei),
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

/** Whether a head takes back the one that was seen before. */
function contradicts(head: Block, last: Block | undefined): boolean {
  return (
    last !== undefined &&
    head.hash !== last.hash &&
    (head.number <= last.number ||
      (head.number === last.number + 1 && head.parentHash !== last.hash))
  );
}
