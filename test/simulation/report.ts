import { counted } from "../../scripts/command-line.ts";
import type { PlanOptions } from "./plan.ts";
import type { RunResult } from "./run.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const listOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";

/** The parts of a result that are reported. */
export type Reported = Omit<RunResult, "folder">;

/** What a run did and, if it went wrong, what and how to see it again. */
export function reportOf(result: Reported, options: PlanOptions): string {
  const { seed, violations, tookMs } = result;
  const verdict = violations.length === 0 ? "ok" : counted(violations.length, "VIOLATION");
  const lines = [
    `seed ${seed} (plan ${result.digest}): ${verdict} in ${seconds(tookMs.all)} (story ${seconds(tookMs.story)}, rest ${seconds(tookMs.rest)})`,
    `  ${listOf(result.counted)}; reorgs ${result.reorgs}; deaths: ${result.deaths.join(", ") || "none"}`,
    `  faults: ${listOf(result.faults)}`,
  ];
  const created = result.counted["auctions"];
  // A reorg may cost an auction its creation: what the run says is then about fewer than were asked for.
  if (created !== undefined && created < options.auctions)
    lines.push(`  ${created} of ${counted(options.auctions, "auction")} were created`);
  for (const { rule, subject, what } of violations) lines.push(`  ✗ ${rule}: ${subject}: ${what}`);
  if (violations.length > 0) lines.push(`  again: ${againWith(options)}`);
  return lines.join("\n");
}

/** The command that plays the same plan again. */
function againWith({ seed, auctions, calm, instead }: PlanOptions): string {
  if (instead !== undefined) return "npm test -- simulation (no option expresses this plan)";
  return `npm run simulate -- --seed ${seed} --auctions ${auctions}${calm === true ? " --calm" : ""}`;
}

/** All runs together. */
export function summaryOf(results: readonly Reported[], tookMs: number): string {
  const faults: Record<string, number> = {};
  for (const result of results)
    for (const [kind, count] of Object.entries(result.faults))
      faults[kind] = (faults[kind] ?? 0) + count;
  const failed = results
    .filter((one) => one.violations.length > 0)
    .map((one) => one.seed)
    .sort((a, b) => a - b);
  const sum = (of: (result: Reported) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  return [
    "",
    `${counted(results.length, "seed")} in ${seconds(tookMs)}: ${results.length - failed.length} without a violation, ${failed.length} with`,
    `faults injected: ${listOf(Object.fromEntries(Object.entries(faults).sort(([a], [b]) => a.localeCompare(b))))}`,
    `reorgs ${sum((one) => one.reorgs)}, deaths of the worker ${sum((one) => one.deaths.length)}, auctions ${sum((one) => one.counted["auctions"] ?? 0)}, transactions sent ${sum((one) => one.counted["raws"] ?? 0)}`,
    ...(failed.length === 0
      ? []
      : [`failed: seed${failed.length === 1 ? "" : "s"} ${failed.join(", ")}`]),
  ].join("\n");
}

/** 0 when every seed was played and no violation was found; else 1. */
export function exitCodeOf(results: readonly Reported[], seeds: readonly number[]): 0 | 1 {
  const played = new Set(results.map((one) => one.seed));
  const allPlayed = seeds.length > 0 && seeds.every((seed) => played.has(seed));
  return allPlayed && results.every((one) => one.violations.length === 0) ? 0 : 1;
}
