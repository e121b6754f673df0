import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, getTestTemporal } from "../support/stack.ts";
import { reportOf } from "./report.ts";
import type { RunResult } from "./run.ts";
import { bundleWorkflows, type Servers } from "./servers.ts";

/** The servers of the jest run, as the simulation wants them. */
export async function testServers(): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-simulation-"));
  return {
    folder,
    bundle: await bundleWorkflows(folder),
    database: () => createTestDatabase(),
    temporal: () => getTestTemporal(),
    stop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Fails with the whole report, which says how to run the seed again. */
export function expectNoViolation(result: RunResult, auctions: number): void {
  if (result.violations.length > 0) throw new Error(reportOf(result, auctions));
}
