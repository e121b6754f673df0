// The chain's side of a run: blocks at planned times, what people do in them, and reorgs.
import type { FaultProxy } from "../faults/proxy.ts";
import type { Node } from "./node.ts";
import type { People } from "./people.ts";
import type { Plan, ReorgPlan } from "./plan.ts";
import type { Act } from "./plan-auctions.ts";
import { Prng } from "./prng.ts";

const CALM_BASE_FEE_WEI = 10n ** 9n;
/** Far above what the platform offers in calm times, so that its transactions are stuck until they are outbid. */
const DEAR_BASE_FEE_WEI = 40n * 10n ** 9n;

/** A transaction of a dropped block, to be put into the new branch. */
interface Dropped {
  readonly act: Act | undefined;
  readonly raw: string;
  readonly from: string;
  readonly height: number;
}

export class Story {
  /** Blocks mined so far, counted as the plan counts them. */
  block = 0;
  reorgs = 0;
  readonly #node: Node;
  readonly #proxy: FaultProxy;
  readonly #plan: Plan;
  readonly #people: People;
  /** The height of the chain at which the story begins. */
  readonly firstBlock: number;
  readonly #startS: number;
  readonly #random: Prng;
  #dear = false;

  constructor(parts: {
    readonly node: Node;
    readonly proxy: FaultProxy;
    readonly plan: Plan;
    readonly people: People;
    /** The block that the plan calls 0, and its timestamp. */
    readonly firstBlock: number;
    readonly startS: number;
  }) {
    this.#node = parts.node;
    this.#proxy = parts.proxy;
    this.#plan = parts.plan;
    this.#people = parts.people;
    this.firstBlock = parts.firstBlock;
    this.#startS = parts.startS;
    this.#random = new Prng(parts.plan.seed, "story");
  }

  /** From the next block on: whether the base fee is beyond what the platform offers in calm times. */
  set dear(dear: boolean) {
    this.#dear = dear;
  }

  /** People act, and the next block is mined. */
  async next(): Promise<void> {
    const height = this.block + 1;
    for (const act of this.#plan.acts) if (act.block === height) await this.#people.act(act);
    await this.#mine(height);
    this.block = height;
  }

  /** Replaces the newest blocks. The platform's providers answer nothing while that happens. */
  async reorg(plan: ReorgPlan): Promise<void> {
    this.reorgs += 1;
    await this.#proxy.whileHeld(async () => {
      const dropped = await this.#dropped(plan.depth);
      const waiting = await this.#waitingRaws();
      await this.#node.send("anvil_rollback", plan.depth);
      await this.#node.send("anvil_dropAllTransactions");
      // Another producer: blocks with the same transactions and timestamps have other hashes all the same.
      const coinbase = `0x${(0xa0 + this.reorgs).toString(16).padStart(40, "0")}`;
      await this.#node.send("anvil_setCoinbase", coinbase);
      const from = this.block - plan.depth + 1;
      const kept = this.#rearranged(dropped, plan, from);
      for (let height = from; height <= this.block + plan.longerBy; height += 1) {
        for (const one of kept.filter(({ height: at }) => at === height)) await this.#resend(one);
        await this.#mine(height);
      }
      this.block += plan.longerBy;
      const late = kept.filter(({ height }) => height > this.block);
      for (const one of late) await this.#resend(one);
      if (plan.mode !== "product-forgotten") for (const raw of waiting) await this.#offer(raw);
    });
  }

  async #mine(height: number): Promise<void> {
    const baseFee = this.#dear ? DEAR_BASE_FEE_WEI : CALM_BASE_FEE_WEI;
    await this.#node.send("anvil_setNextBlockBaseFeePerGas", `0x${baseFee.toString(16)}`);
    await this.#node.send("evm_setNextBlockTimestamp", this.#startS + this.#secondsAt(height));
    await this.#node.send("evm_mine");
  }

  #secondsAt(height: number): number {
    const { secondsAt } = this.#plan;
    const last = secondsAt.length - 1;
    const step = (secondsAt[last] ?? 0) - (secondsAt[last - 1] ?? 0);
    return secondsAt[height] ?? (secondsAt[last] ?? 0) + (height - last) * step;
  }

  async #dropped(depth: number): Promise<Dropped[]> {
    const dropped: Dropped[] = [];
    for (let height = this.block - depth + 1; height <= this.block; height += 1) {
      const block = await this.#node.block(this.firstBlock + height);
      for (const { hash, from } of block.transactions) {
        const raw = await this.#node.send<string>("eth_getRawTransactionByHash", hash);
        dropped.push({ act: this.#people.actOf(hash), raw, from, height });
      }
    }
    return dropped;
  }

  /** The platform's transactions that no block held yet. */
  async #waitingRaws(): Promise<string[]> {
    type Pool = Record<"pending" | "queued", Record<string, Record<string, { hash: string }>>>;
    const pool = await this.#node.send<Pool>("txpool_content");
    return [pool.pending, pool.queued]
      .flatMap((bySender) => Object.values(bySender))
      .flatMap((byNonce) => Object.values(byNonce))
      .map(({ hash }) => this.#proxy.record.get(hash)?.raw)
      .filter((raw) => raw !== undefined);
  }

  #rearranged(dropped: readonly Dropped[], plan: ReorgPlan, from: number): Dropped[] {
    const last = this.block + plan.longerBy;
    switch (plan.mode) {
      case "same":
        return [...dropped];
      case "shuffled":
        return this.#random
          .shuffle(dropped)
          .map((one) => ({ ...one, height: this.#random.int(from, last) }));
      case "lost-bids":
        return dropped.filter(({ act }) => act?.kind !== "bid" || this.#random.chance(0.4));
      case "product-forgotten":
        return dropped.filter(({ act }) => act !== undefined);
      case "late":
        return dropped.map((one) => ({ ...one, height: last + 1 }));
    }
  }

  /** People sign anew, as their nonces may differ in the new branch; the platform's bytes are offered as they are. */
  async #resend(one: Dropped): Promise<void> {
    if (one.act !== undefined) await this.#people.act(one.act);
    else await this.#offer(one.raw);
  }

  /** A node may refuse what the new branch does not allow; its owner will find out. */
  async #offer(raw: string): Promise<void> {
    await this.#node.send("eth_sendRawTransaction", raw).catch(() => undefined);
  }
}
