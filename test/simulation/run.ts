// One run: a plan played against the product, then judged.
import { sleep } from "../../dev/stack/wait.ts";
import { check } from "./checker/check.ts";
import type { Disturbance } from "./checker/lateness.ts";
import type { Violation } from "./checker/violations.ts";
import { FaultSchedule } from "./faults.ts";
import { digestOf, makePlan, type Plan, type PlanOptions, type ReorgPlan } from "./plan.ts";
import type { Servers } from "./servers.ts";
import { setStage, type Stage } from "./stage.ts";

export interface RunResult {
  readonly seed: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  /** Faults that really hit a request, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** How the worker died, in order: `<crash point> SIGKILL`. */
  readonly deaths: readonly string[];
  readonly reorgs: number;
  readonly counted: Readonly<Record<string, number>>;
  readonly tookMs: { readonly all: number; readonly story: number; readonly rest: number };
  readonly folder: string;
}

/** Wall-clock time per block: enough for the product to look at each one (it polls by the chain's own pace). */
const BLOCK_MS = { "1s": 90, irregular: 250, "12s": 300 } as const;
/** While the worker is away: Temporal waits 5 s for its heartbeat before it gives the jobs to the next. */
const BLOCK_WHILE_AWAY_MS = 600;
/**
 * So many blocks come while a worker starts; then the chain waits until it looks. Without this limit a slow machine would play
 * the whole story before the next worker begins to work.
 */
const BLOCKS_WHILE_STARTING = 8;
/** A worker that is busy gets this much more time to look at a block. A fault may keep it from looking: then blocks come all the same. */
const PATIENCE_MS = 1_500;
/** The same for a worker that starts. */
const START_PATIENCE_MS = 60_000;
/** Nothing has changed for so long: the run hangs. Far more than a machine needs that has six other things to do. */
const REST_LIMIT_MS = 300_000;
const RECONCILE_EVERY_MS = 4_000;

export interface RunOptions {
  /** Of the folder of its logs. */
  readonly name?: string;
  /**
   * Tells Temporal that a worker has died, so that the next one gets its work at once. Otherwise Temporal finds out by its
   * time-outs, of 5 to 10 s.
   */
  readonly reportsDeaths?: boolean;
}

export async function runSeed(
  servers: Servers,
  options: PlanOptions,
  { name = `seed-${options.seed}`, reportsDeaths = false }: RunOptions = {},
): Promise<RunResult> {
  const startedAtMs = performance.now();
  const plan = makePlan(options);
  const stage = await setStage(servers, plan, name);
  try {
    const player = new Player(stage, plan, reportsDeaths);
    const storyAtMs = performance.now();
    await player.play();
    const restAtMs = performance.now();
    const atRest = await player.untilRest();
    const doneAtMs = performance.now();
    const { violations, counted } = await check(
      stage.world,
      plan.rules,
      stage.watch,
      player.disturbances,
    );
    return {
      seed: plan.seed,
      digest: digestOf(plan),
      violations: [...player.violations, ...atRest, ...violations],
      faults: Object.fromEntries(stage.proxy.injected),
      deaths: stage.product.deaths.map(
        ({ life, signal, code }) => `${life?.crashAt ?? "outside"} ${signal ?? code}`,
      ),
      reorgs: stage.story.reorgs,
      counted,
      tookMs: {
        all: performance.now() - startedAtMs,
        story: restAtMs - storyAtMs,
        rest: doneAtMs - restAtMs,
      },
      folder: stage.folder,
    };
  } finally {
    await stage.close();
  }
}

/** Lets blocks come, faults happen and workers die as planned. */
class Player {
  readonly violations: Violation[] = [];
  readonly #stage: Stage;
  readonly #plan: Plan;
  readonly #faults: FaultSchedule;
  /** Those that are still to come. */
  readonly #reorgs: ReorgPlan[];
  /** How often the present worker has asked for the newest block. */
  #looks = 0;
  #diedAtBlock: number | undefined;
  /** While no worker was there. */
  readonly #absences: { from: number; to: number }[] = [];
  /** When the present worker was started, and the block of that moment. */
  #startedAt = { ms: 0, block: 0 };
  readonly #reportsDeaths: boolean;

  constructor(stage: Stage, plan: Plan, reportsDeaths: boolean) {
    this.#stage = stage;
    this.#plan = plan;
    this.#reportsDeaths = reportsDeaths;
    this.#reorgs = [...plan.reorgs];
    this.#faults = new FaultSchedule(plan.faults, stage);
    stage.proxy.onRequest = ({ method, params }) => {
      if (method === "eth_getBlockByNumber" && params[0] === "latest") this.#looks += 1;
    };
  }

  /** The blocks in which something was done to the product, as heights of the chain. */
  get disturbances(): Disturbance[] {
    const { faults, reorgs } = this.#plan;
    const { firstBlock } = this.#stage.story;
    return [
      ...faults.map(({ fromBlock, toBlock }) => ({ from: fromBlock, to: toBlock })),
      ...reorgs.map(({ block, depth, longerBy }) => ({
        from: block - depth,
        to: block + longerBy,
      })),
      ...this.#absences,
    ].map(({ from, to }) => ({ from: from + firstBlock, to: to + firstBlock }));
  }

  async play(): Promise<void> {
    const { story, product } = this.#stage;
    this.#start();
    await this.#awake();
    while (story.block < this.#plan.lastBlock) {
      await this.#block();
      await this.#faults.at(story.block, this.#plan.chainId);
      const { life } = product;
      if (product.alive && life?.killAtBlock !== undefined && life.killAtBlock <= story.block)
        await product.kill();
      const reorg = this.#reorgs.find((one) => one.block <= story.block);
      if (reorg === undefined) continue;
      this.#reorgs.splice(this.#reorgs.indexOf(reorg), 1);
      if (reorg.whenNoted === true) await this.#untilNoted(reorg.depth);
      await story.reorg(reorg);
    }
    await this.#faults.end();
  }

  /** Waits until the product knows its transactions in the newest blocks, unless it is away. */
  async #untilNoted(blocks: number): Promise<void> {
    const { product, rest } = this.#stage;
    const deadlineMs = performance.now() + START_PATIENCE_MS;
    while (product.alive && performance.now() < deadlineMs && !(await rest.hasNoted(blocks)))
      await sleep(20);
  }

  /**
   * Goes on until nothing is left to happen. What is left is a violation when nothing has changed for as long as the limit:
   * how long everything takes depends on the machine, and on what else runs on it.
   */
  async untilRest(): Promise<Violation[]> {
    const { rest, workflows, product } = this.#stage;
    const lastDeadlineMs = performance.now() + 2 * REST_LIMIT_MS;
    let deadlineMs = performance.now() + REST_LIMIT_MS;
    let reconciledAtMs = 0;
    let waitsForBlocks = true;
    let left = "";
    for (;;) {
      // The indexer is always a block behind while blocks come: for it alone the chain stands still.
      if (waitsForBlocks) await this.#block();
      else await sleep(20);
      if (performance.now() - reconciledAtMs > RECONCILE_EVERY_MS) {
        await workflows.reconcile();
        reconciledAtMs = performance.now();
      }
      const reasons = product.alive ? await rest.restless() : ["the worker is away"];
      if (reasons.length === 0) {
        // Asked last, as it is the slowest: what is over on the chain must be over for its process too.
        const unaware = (await workflows.running()).filter((id) => /^(auction|meeting)\//.test(id));
        if (unaware.length === 0) return [];
        reasons.push(`processes: ${unaware.join(", ")} still run`);
      }
      const others = reasons.filter((reason) => !reason.startsWith("indexer:"));
      waitsForBlocks = others.length > 0;
      if (others.join() !== left) {
        left = others.join();
        deadlineMs = Math.min(lastDeadlineMs, performance.now() + REST_LIMIT_MS);
      }
      if (performance.now() > deadlineMs)
        return reasons.map((what) => ({ rule: "comes-to-rest", subject: "the run", what }));
    }
  }

  /** The next block, after the worker had the time to look at the one before. */
  async #block(): Promise<void> {
    const { story, product } = this.#stage;
    await this.#reviveIfDue();
    if (product.alive && this.#looks > AWAKE_LOOKS) {
      const looksBefore = this.#looks;
      await sleep(BLOCK_MS[this.#plan.spacing]);
      const deadlineMs = performance.now() + PATIENCE_MS;
      while (product.alive && this.#looks === looksBefore && performance.now() < deadlineMs)
        await sleep(10);
    } else if (product.alive) {
      await sleep(BLOCK_WHILE_AWAY_MS);
      if (story.block >= this.#startedAt.block + BLOCKS_WHILE_STARTING) await this.#awake();
    } else await sleep(BLOCK_MS[this.#plan.spacing]);
    await story.next();
  }

  /** Begins the next life once the planned number of blocks has passed. */
  async #reviveIfDue(): Promise<void> {
    const { story, product } = this.#stage;
    if (product.alive) return;
    this.#diedAtBlock ??= story.block;
    const death = product.deaths.at(-1);
    if (death?.life === undefined)
      this.violations.push({
        rule: "stays-alive",
        subject: "the worker",
        what: `died by itself (${death?.signal ?? `exit code ${death?.code}`})`,
      });
    if (story.block < this.#diedAtBlock + (death?.life?.downBlocks ?? 0)) return;
    if (this.#reportsDeaths && death !== undefined)
      await this.#stage.workflows.reportDeath(death.pid);
    this.#start();
  }

  #start(): void {
    const { story, product } = this.#stage;
    this.#looks = 0;
    this.#startedAt = { ms: performance.now(), block: story.block };
    const from = this.#diedAtBlock ?? story.block;
    this.#absences.push({ from, to: story.block + BLOCKS_WHILE_STARTING + BLOCKS_UNTIL_LED });
    this.#diedAtBlock = undefined;
    product.start();
  }

  /** Waits until the present worker looks at the chain, dies, or its time to start is over. */
  async #awake(): Promise<void> {
    const deadlineMs = this.#startedAt.ms + START_PATIENCE_MS;
    while (this.#looks <= AWAKE_LOOKS && this.#stage.product.alive)
      if (performance.now() > deadlineMs) return;
      else await sleep(20);
  }
}

/** Blocks until each job has a leader again: the lock of a dead one, and Temporal's pause before the next attempt, take seconds. */
const BLOCKS_UNTIL_LED = 50;

/** A worker that has asked for the newest block more often than this does its work: starting up asks for other things. */
const AWAKE_LOOKS = 2;
