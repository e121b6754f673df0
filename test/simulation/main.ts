// npm run simulate -- --seed N --auctions N [--seeds FROM-TO] [--lanes N] [--json FILE] [--calm] [--keep] [--plan]
import { cpSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { stopOnSignals } from "../../dev/stack/signals.ts";
import { makePlan } from "./plan.ts";
import { reportOf, summaryOf } from "./report.ts";
import { type RunResult, runSeed } from "./run.ts";
import { startServers } from "./servers.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string" },
    auctions: { type: "string", default: "30" },
    lanes: { type: "string" },
    json: { type: "string" },
    calm: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
  },
});

const [from = 1, to = from] = (values.seeds ?? values.seed).split("-").map(Number);
const seeds = Array.from({ length: to - from + 1 }, (_, index) => from + index);
const auctions = Number(values.auctions);
if (seeds.length === 0 || !Number.isInteger(auctions) || auctions < 1) {
  process.stderr.write("--seed N, or --seeds FROM-TO, and --auctions N take whole numbers\n");
  process.exit(2);
}
const lanes = Math.min(seeds.length, Number(values.lanes ?? Math.min(2, availableParallelism())));

const print = (text: string): void => void process.stdout.write(`${text}\n`);
if (values.plan) {
  for (const seed of seeds) {
    const { secondsAt: _, ...plan } = makePlan({ seed, auctions, calm: values.calm });
    print(JSON.stringify(plan));
  }
  process.exit(0);
}
const startedAtMs = performance.now();
const servers = await startServers(seeds.length);
stopOnSignals({ stop: servers.stop, force: () => process.exit(1) }, () => 130);

const results: RunResult[] = [];
const waiting = [...seeds];
async function lane(): Promise<void> {
  for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
    const result = await runSeed(servers, { seed, auctions, calm: values.calm });
    results.push(result);
    print(reportOf(result, auctions));
    if (values.keep || result.violations.length > 0) {
      const kept = join(repositoryRoot, ".dev", "simulation", `seed-${seed}`);
      cpSync(result.folder, kept, { recursive: true });
      print(`  logs: .dev/simulation/seed-${seed}`);
    }
  }
}
await Promise.all(Array.from({ length: lanes }, lane));
await servers.stop();
print(summaryOf(results, performance.now() - startedAtMs));
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, null, 2));
process.exit(results.some((one) => one.violations.length > 0) ? 1 : 0);
