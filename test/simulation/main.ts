// `npm run simulate`: plays stories against the worker as it is, and judges what is left (docs/simulation.md).
import { cpSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { messageOf } from "../../src/errors.ts";
import { readOptions } from "../../scripts/command-line.ts";
import { stopQuietlyOnSignals } from "../../scripts/stopping.ts";
import { simulationOptions, USAGE } from "./options.ts";
import { digestOf, makePlan, type PlanOptions } from "./plan.ts";
import { planText } from "./plan-text.ts";
import { exitCodeOf, reportOf, summaryOf } from "./report.ts";
import { type RunResult, runSeed } from "./run.ts";
import { type Servers, startServers } from "./servers.ts";

const { seeds, auctions, calm, json, keep, ...options } = readOptions(USAGE, simulationOptions);
const planOptions = (seed: number): PlanOptions => ({ seed, auctions, calm });
const lanes = Math.min(seeds.length, options.lanes ?? Math.min(2, availableParallelism()));

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const writeJson = (what: unknown): void => {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(what, null, 2)}\n`);
};

if (options.plan) {
  const plans = seeds.map((seed) => {
    const plan = makePlan(planOptions(seed));
    print(planText(plan));
    // The timestamps of 600 blocks would bury what a regression keeps.
    const { secondsAt: _, ...rest } = plan;
    return { digest: digestOf(plan), ...rest };
  });
  writeJson(plans);
  process.exit(0);
}
/**
 * How many runs share one Postgres and one Temporal server, which becomes slow with the processes of very many. On a busy machine it
 * has lost all it had in memory, every namespace included (its database's only connection is closed when a statement is
 * interrupted); the fewer runs that costs.
 */
const RUNS_PER_SERVER = 20;

const startedAtMs = performance.now();
let servers: Servers | undefined;
const orIdle = stopQuietlyOnSignals(async () => servers?.stop());

const results: RunResult[] = [];
/** Plays the seeds on servers of their own. Returns those that could not be played: a server may die, as any process. */
async function playTogether(seedsOfServer: readonly number[]): Promise<number[]> {
  const waiting = [...seedsOfServer];
  const unplayed: number[] = [];
  const started = await orIdle(startServers(waiting.length));
  servers = started;
  const lane = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      try {
        await play(seed, started);
      } catch (error) {
        print(`seed ${seed} could not be played: ${messageOf(error)}`);
        unplayed.push(seed);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await started.stop();
  return unplayed;
}

async function play(seed: number, on: Servers): Promise<void> {
  const result = await orIdle(runSeed(on, planOptions(seed)));
  results.push(result);
  print(reportOf(result, planOptions(seed)));
  if (!keep && result.violations.length === 0) return;
  const kept = join(repositoryRoot, ".dev", "simulation", `seed-${seed}`);
  cpSync(result.folder, kept, { recursive: true });
  print(`  logs: .dev/simulation/seed-${seed}`);
}

const unplayed: number[] = [];
for (let first = 0; first < seeds.length; first += RUNS_PER_SERVER)
  unplayed.push(...(await playTogether(seeds.slice(first, first + RUNS_PER_SERVER))));
if (unplayed.length > 0) {
  print(`once more, with fresh servers: ${unplayed.join(", ")}`);
  await playTogether(unplayed);
}
print(summaryOf(results, performance.now() - startedAtMs));
writeJson(results);
process.exit(exitCodeOf(results, seeds));
