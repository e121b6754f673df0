import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createTestDatabase,
  getCompiledProduct,
  getTestTemporal,
  getTestWorkflowBundle,
} from "../support/stack.ts";
import { digestOf, makePlan, type PlanOptions } from "./plan.ts";
import { reportOf } from "./report.ts";
import { type RunOptions, type RunResult, runSeed } from "./run.ts";
import type { Servers } from "./servers.ts";

/** The servers of the jest run, as the simulation wants them. */
export async function testServers(): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-simulation-"));
  const [bundle, product] = await Promise.all([getTestWorkflowBundle(), getCompiledProduct()]);
  return {
    folder,
    bundle: bundle.codePath,
    compileCache: product.compileCache,
    database: async () => {
      const database = await createTestDatabase();
      return { ...database, workerUrl: database.url };
    },
    temporal: () => getTestTemporal(),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Runs beside each other. More would only wait for the processors, and a worker that waits polls all the same. */
const LANES = 3;
/** For a test that plays one run, and may wait for a lane first. */
export const RUN_LIMIT_MS = 30 * 60_000;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs `work` when fewer than LANES others do. */
async function inLane<T>(work: () => Promise<T>): Promise<T> {
  if (running === LANES) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

/** Runs a plan; fails with the whole report, which says how to see it again. */
export async function expectNoViolation(
  servers: Servers,
  options: PlanOptions,
  runOptions: RunOptions = {},
): Promise<RunResult> {
  // Runs beside each other may have the same seed, but not the same plan.
  const name = `seed-${options.seed}-${digestOf(makePlan(options))}`;
  const result = await inLane(() => runSeed(servers, options, { name, ...runOptions }));
  if (result.violations.length > 0) throw new Error(reportOf(result, options));
  return result;
}
