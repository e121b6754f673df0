// The options of `npm run simulate`.
import { fileToWrite, parseOptions, UsageError, wholeNumber } from "../../scripts/command-line.ts";
import { MOST_AUCTIONS } from "./plan.ts";

export const USAGE = `npm run simulate -- [options]
  --seed N           the story to play; 1 by default
  --seeds FROM-TO    several stories, both ends included
  --auctions N       auctions of each; 30 by default
  --calm             without faults, reorgs and kills
  --lanes N          stories at the same time; 2 by default
  --json FILE        writes the results, or with --plan the plans, as JSON
  --keep             keeps the logs in .dev/simulation/seed-N
  --plan             prints what the seeds mean, and plays nothing`;

export interface SimulationOptions {
  /** At least one. */
  readonly seeds: readonly number[];
  readonly auctions: number;
  readonly calm: boolean;
  /** At least one; undefined leaves it to the machine. */
  readonly lanes: number | undefined;
  readonly json: string | undefined;
  readonly keep: boolean;
  readonly plan: boolean;
}

/** The generator takes 32 bits: beyond them seeds would mean the same again. */
const LAST_SEED = 2 ** 32 - 1;
const MOST_SEEDS = 10_000;
const MOST_LANES = 64;

/** @throws UsageError */
export function simulationOptions(args: readonly string[]): SimulationOptions {
  const given = parseOptions(args, {
    seed: { type: "string" },
    seeds: { type: "string" },
    auctions: { type: "string", default: "30" },
    lanes: { type: "string" },
    json: { type: "string" },
    calm: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
  });
  return {
    seeds: seedsOf(given.seed, given.seeds),
    auctions: wholeNumber("--auctions", given.auctions, 1, MOST_AUCTIONS),
    lanes:
      given.lanes === undefined ? undefined : wholeNumber("--lanes", given.lanes, 1, MOST_LANES),
    json: given.json === undefined ? undefined : fileToWrite("--json", given.json),
    calm: given.calm,
    keep: given.keep,
    plan: given.plan,
  };
}

function seedsOf(seed: string | undefined, seeds: string | undefined): number[] {
  if (seeds === undefined) return [wholeNumber("--seed", seed ?? "1", 0, LAST_SEED)];
  if (seed !== undefined) throw new UsageError("--seed and --seeds exclude each other");
  const [, first, last] = /^(\d+)-(\d+)$/.exec(seeds) ?? [];
  if (first === undefined || last === undefined)
    throw new UsageError(`--seeds takes FROM-TO, such as 200-229, not "${seeds}"`);
  const from = wholeNumber("--seeds", first, 0, LAST_SEED);
  const to = wholeNumber("--seeds", last, 0, LAST_SEED);
  if (to < from) throw new UsageError(`--seeds ${seeds} holds no seed: FROM is after TO`);
  if (to - from >= MOST_SEEDS)
    throw new UsageError(`--seeds ${seeds} are more than ${MOST_SEEDS} seeds`);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
