import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcesses, type Processes } from "../../dev/stack/processes.ts";
import type { BenchContext } from "../bench.ts";

/** A folder and processes that end with the benchmark, even if this process is killed. */
export function makeFolder(context: BenchContext): {
  readonly folder: string;
  readonly processes: Processes;
} {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-bench-"));
  context.atEnd(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755); // Postgres may run as another user
  const processes = createProcesses({ logDir: join(folder, "logs") });
  context.atEnd(() => processes.stopAll());
  processes.removeIfKilled(folder);
  return { folder, processes };
}
