// `npm run bench`: measures the product as it is (docs/benchmarks.md).
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readOptions } from "../scripts/command-line.ts";
import { stopQuietlyOnSignals } from "../scripts/stopping.ts";
import { api } from "./api.ts";
import { backfill } from "./backfill.ts";
import type { Bench, Figure } from "./bench.ts";
import { Ending } from "./ending.ts";
import { lateness } from "./lateness.ts";
import { takeover } from "./takeover.ts";
import { benchOptions, USAGE } from "./options.ts";
import { realtime } from "./realtime.ts";
import { recovery } from "./recovery.ts";
import { lineOf, medians, verdictOf } from "./report.ts";
import { sender } from "./sender.ts";

const BENCHES: readonly Bench[] = [
  ...lateness,
  recovery,
  ...takeover,
  backfill,
  sender,
  api,
  ...realtime,
];

const { names, runs, json, logs } = readOptions(USAGE, (args) =>
  benchOptions(
    args,
    BENCHES.map((one) => one.name),
  ),
);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const ending = new Ending();
const orIdle = stopQuietlyOnSignals(() => ending.run());

/** One run; what it started is gone afterwards. */
async function measure(bench: Bench, logDir: string | undefined): Promise<Figure[]> {
  if (logDir !== undefined) mkdirSync(logDir, { recursive: true });
  try {
    return await orIdle(
      bench.run({
        note: (text) => say(`  · ${text}`),
        atEnd: (undo) => ending.add(undo),
        ...(logDir === undefined ? {} : { logDir }),
      }),
    );
  } finally {
    await ending.run();
  }
}

const measured: { readonly bench: string; readonly figures: Figure[] }[] = [];
for (const bench of BENCHES.filter((one) => names.includes(one.name))) {
  say(`\n${bench.name}: ${bench.what}`);
  const figures: Figure[][] = [];
  for (let run = 1; run <= runs; run += 1) {
    const logDir = logs === undefined || runs === 1 ? logs : join(logs, `run-${run}`);
    figures.push(await measure(bench, logDir));
  }
  const summed = medians(figures);
  for (const one of summed) say(lineOf(one));
  measured.push({ bench: bench.name, figures: summed });
}

if (json !== undefined) {
  const cores = availableParallelism();
  const report = { measuredAt: new Date().toISOString(), cores, runs, measured };
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
}
const verdict = verdictOf(measured.map((one) => one.figures));
say(`\n${verdict.text}`);
process.exit(verdict.exitCode);
