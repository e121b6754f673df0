import type { RunResult } from "./run.ts";

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const listOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";

/** What a run did and, if it went wrong, what and how to see it again. */
export function reportOf(result: RunResult, auctions: number): string {
  const { seed, violations, tookMs } = result;
  const lines = [
    `seed ${seed} (plan ${result.digest}): ${violations.length === 0 ? "ok" : `${violations.length} VIOLATIONS`} in ${seconds(tookMs.all)} (story ${seconds(tookMs.story)}, rest ${seconds(tookMs.rest)})`,
    `  ${listOf(result.counted)}; reorgs ${result.reorgs}; deaths: ${result.deaths.join(", ") || "none"}`,
    `  faults: ${listOf(result.faults)}`,
  ];
  for (const { rule, subject, what } of violations) lines.push(`  ✗ ${rule}: ${subject}: ${what}`);
  if (violations.length > 0)
    lines.push(`  again: npm run simulate -- --seed ${seed} --auctions ${auctions}`);
  return lines.join("\n");
}

/** All runs together. */
export function summaryOf(results: readonly RunResult[], tookMs: number): string {
  const faults: Record<string, number> = {};
  for (const result of results)
    for (const [kind, count] of Object.entries(result.faults))
      faults[kind] = (faults[kind] ?? 0) + count;
  const failed = results.filter((one) => one.violations.length > 0);
  const sum = (of: (result: RunResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  return [
    "",
    `${results.length} seeds in ${seconds(tookMs)}: ${results.length - failed.length} without a violation, ${failed.length} with`,
    `faults injected: ${listOf(Object.fromEntries(Object.entries(faults).sort(([a], [b]) => a.localeCompare(b))))}`,
    `reorgs ${sum((one) => one.reorgs)}, deaths of the worker ${sum((one) => one.deaths.length)}, auctions ${sum((one) => one.counted["auctions"] ?? 0)}, transactions sent ${sum((one) => one.counted["raws"] ?? 0)}`,
    ...(failed.length === 0
      ? []
      : [
          `failed seeds: ${failed
            .map((one) => one.seed)
            .sort((a, b) => a - b)
            .join(", ")}`,
        ]),
  ].join("\n");
}
