// `npm run bench [-- --only NAME] [--json FILE] [--logs FOLDER] [--runs N]`: measures the product as it is.
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { Bench, Figure } from "./bench.ts";
import { median } from "./bench.ts";

import { backfill } from "./backfill.ts";
import { lateness } from "./lateness.ts";
import { recovery } from "./recovery.ts";
import { sender } from "./sender.ts";

const BENCHES: readonly Bench[] = [...lateness, recovery, backfill, sender];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Measured {
  readonly bench: string;
  readonly figures: Figure[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      json: { type: "string" },
      logs: { type: "string" },
      runs: { type: "string", default: "1" },
    },
  });
  const chosen = BENCHES.filter((one) => one.name.startsWith(values.only ?? ""));
  if (chosen.length === 0) {
    say(
      `There is no benchmark ${values.only}. There are: ${BENCHES.map((one) => one.name).join(", ")}`,
    );
    return 1;
  }
  const runs = Math.max(1, Number(values.runs));
  if (values.logs !== undefined) mkdirSync(values.logs, { recursive: true });

  const measured: Measured[] = [];
  for (const bench of chosen) {
    say(`\n${bench.name}: ${bench.what}`);
    const figures: Figure[][] = [];
    for (let run = 0; run < runs; run += 1)
      figures.push(
        await bench.run({
          note: (text) => say(`  · ${text}`),
          ...(values.logs === undefined ? {} : { logDir: values.logs }),
        }),
      );
    const summed = medians(figures);
    for (const one of summed) say(line(one));
    measured.push({ bench: bench.name, figures: summed });
  }

  if (values.json !== undefined) {
    const cores = availableParallelism();
    const report = { measuredAt: new Date().toISOString(), cores, runs, measured };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  const missed = measured
    .flatMap((one) => one.figures)
    .filter((one) => one.target?.holds === false);
  say(`\n${missed.length === 0 ? "Every target is met." : `${missed.length} targets are missed.`}`);
  return missed.some((one) => one.target?.hard === true) ? 1 : 0;
}

/** Over several runs the median counts; a target holds when it held in every run. */
function medians(runs: readonly Figure[][]): Figure[] {
  return (runs[0] ?? []).map((figure, index) => {
    const all = runs.map((run) => run[index] as Figure);
    const value = median(all.map((one) => one.value));
    if (figure.target === undefined) return { ...figure, value };
    const holds = all.every((one) => one.target?.holds === true);
    return { ...figure, value, target: { ...figure.target, holds } };
  });
}

function line({ name, value, unit, target }: Figure): string {
  const shown = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
  const verdict = target === undefined ? "" : `  ${target.holds ? "pass" : "MISS"}: ${target.text}`;
  return `  ${name.padEnd(52)} ${`${shown} ${unit}`.padStart(14)}${verdict}`;
}

process.exitCode = await main();
