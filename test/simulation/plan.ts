// What will happen in a run, decided by its seed before anything starts. Blocks are counted from the first block after
// the contracts were deployed; nothing here knows the wall clock.
import { createHash } from "node:crypto";
import { type Act, type AuctionPlan, type ContractRules, planAuctions } from "./plan-auctions.ts";
import { type FaultWindow, planFaults } from "./plan-faults.ts";
import { type Life, planLives } from "./plan-lives.ts";
import { Prng } from "./prng.ts";

/** What becomes of the dropped blocks' transactions in the new branch. */
export const REORG_MODES = ["same", "shuffled", "lost-bids", "product-forgotten", "late"] as const;

export interface ReorgPlan {
  /** When this block is the head. */
  readonly block: number;
  /** How many of the newest blocks are replaced. */
  readonly depth: number;
  /** How many blocks longer the new branch is. */
  readonly longerBy: number;
  readonly mode: (typeof REORG_MODES)[number];
  /** Only once the product knows what of its own the dropped blocks hold. */
  readonly whenNoted?: boolean;
}

export type Spacing = "1s" | "12s" | "irregular";

export interface Plan {
  readonly seed: number;
  readonly chainId: number;
  readonly rules: ContractRules;
  readonly wallets: number;
  /** The most operations that share a transaction: few make many transactions. */
  readonly batchItems: number;
  readonly endpoints: number;
  readonly socket: boolean;
  readonly confirmations: number;
  readonly finalityDepth: number;
  readonly spacing: Spacing;
  /** Seconds from the story's beginning to each block; index 0 is the beginning. */
  readonly secondsAt: readonly number[];
  readonly auctions: readonly AuctionPlan[];
  readonly acts: readonly Act[];
  readonly reorgs: readonly ReorgPlan[];
  readonly faults: readonly FaultWindow[];
  readonly lives: readonly Life[];
  /** The last block for which anything is planned. */
  readonly lastBlock: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly auctions: number;
  /** Leaves out faults, reorgs and kills. */
  readonly calm?: boolean;
  /** Instead of what the seed says. */
  readonly instead?: Partial<Pick<Plan, "faults" | "reorgs" | "lives" | "lastBlock">>;
}

/** Blocks for which timestamps are decided; a run that needs more goes on at the same spacing. */
const PLANNED_BLOCKS = 600;
/** More would end in blocks for which no timestamp is decided. */
export const MOST_AUCTIONS = 800;

export function makePlan(options: PlanOptions): Plan {
  const { seed } = options;
  const calm = options.calm === true;
  const world = new Prng(seed, "world");
  const spacing = world.pick(["1s", "1s", "1s", "1s", "irregular", "12s"] as const);
  const secondsAt = timestamps(new Prng(seed, "blocks"), spacing);
  const blockS = spacing === "1s" ? 1 : spacing === "12s" ? 12 : 8;
  const finalityDepth = world.int(6, 10);
  const rules = {
    timeBufferS: world.pick([0, 2, 3, 5]) * blockS,
    maxExtensionS: world.pick([0, 4, 8, 12]) * blockS,
    minDurationS: blockS,
    feeBps: world.pick([0, 250, 1000]),
    minIncrementBps: world.pick([0, 500, 1000]),
  };
  const { auctions, acts } = planAuctions(new Prng(seed, "auctions"), {
    count: options.auctions,
    secondsAt,
    blockS,
    rules,
  });
  const lastEnd = Math.max(...auctions.map((one) => one.endBlock));
  // The pass and the settlement follow the end; faults and reorgs must reach them too.
  const lastBlock = lastEnd + 20;
  const base = {
    seed,
    chainId: 100_000 + seed,
    rules,
    wallets: world.int(1, 3),
    batchItems: world.pick([50, 50, 3, 1]),
    endpoints: world.int(1, 2),
    socket: world.chance(0.5),
    confirmations: world.int(1, 3),
    finalityDepth,
    spacing,
    secondsAt,
    auctions,
    acts,
    lastBlock,
  };
  return {
    ...base,
    reorgs: calm ? [] : planReorgs(new Prng(seed, "reorgs"), base),
    faults: calm
      ? []
      : planFaults(new Prng(seed, "faults"), lastBlock, base.endpoints, base.socket),
    lives: calm ? [] : planLives(new Prng(seed, "lives"), lastBlock),
    ...options.instead,
  };
}

/** Names a plan: the same seed and options give the same digest. */
export function digestOf(plan: Plan): string {
  return createHash("sha256").update(JSON.stringify(plan)).digest("hex").slice(0, 16);
}

function timestamps(random: Prng, spacing: Spacing): number[] {
  const at = [0];
  while (at.length < PLANNED_BLOCKS) {
    const step =
      spacing === "1s"
        ? 1
        : spacing === "12s"
          ? random.chance(0.05)
            ? 24
            : 12
          : random.int(1, 15);
    at.push((at.at(-1) ?? 0) + step);
  }
  return at;
}

function planReorgs(
  random: Prng,
  plan: Pick<Plan, "auctions" | "confirmations" | "finalityDepth" | "lastBlock">,
): ReorgPlan[] {
  const deepest = Math.min(6, plan.finalityDepth - 1);
  const reorgs: ReorgPlan[] = [];
  let block = 4;
  for (let count = random.int(1, 4); count > 0; count -= 1) {
    block += random.int(3, Math.max(4, Math.floor(plan.lastBlock / 4)));
    if (block > plan.lastBlock) break;
    reorgs.push({
      block,
      depth: Math.min(random.int(1, deepest), block - 1),
      longerBy: random.int(0, 1),
      mode: random.pick(REORG_MODES),
    });
  }
  // Aimed at a sale that was just believed: the end and the last bids go, and somebody else may win.
  for (let count = random.int(0, 2); count > 0; count -= 1) {
    const { endBlock } = random.pick(plan.auctions);
    reorgs.push({
      block: endBlock + plan.confirmations + random.int(0, 2),
      depth: random.int(Math.min(plan.confirmations + 2, deepest), deepest),
      longerBy: random.int(0, 1),
      mode: random.pick(["lost-bids", "lost-bids", "late", "shuffled"] as const),
    });
  }
  return reorgs.sort((a, b) => a.block - b.block);
}
