import { existsSync, readFileSync, rmSync } from "node:fs";
import { startTimeOf } from "./process-identity.ts";
import { sleep } from "./wait.ts";

export type ProcessRecords = Readonly<
  Record<string, { readonly pid: number; readonly startTime?: string }>
>;

/** What a launcher wrote about the processes it runs (createProcesses, `pidFile`); empty when there is nothing. */
export function readProcessRecords(pidFile: string): ProcessRecords {
  if (!existsSync(pidFile)) return {};
  try {
    const records: ProcessRecords = JSON.parse(readFileSync(pidFile, "utf8"));
    return records;
  } catch {
    return {}; // killed while it wrote
  }
}

/**
 * Waits for the processes of a launcher that was killed: its guard is ending them. If the guard was
 * killed too, ends them here; each is known by its id and its start time, so nobody else's is touched.
 */
export async function endLeftovers(pidFile: string): Promise<void> {
  const records = Object.entries(readProcessRecords(pidFile));
  const alive = ([, { pid, startTime }]: (typeof records)[number]): boolean =>
    startTime !== undefined && startTimeOf(pid) === startTime;
  const guarded = (): boolean => records.some((record) => record[0] === "guard" && alive(record));
  while (guarded()) await sleep(50);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (const [name, { pid }] of records.filter(alive))
      signalGroup(pid, name === "postgres" ? "SIGINT" : signal);
    for (let tries = 0; tries < 100 && records.some(alive); tries += 1) await sleep(50);
  }
  rmSync(pidFile, { force: true });
}

function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pgid, signal);
  } catch {
    // gone meanwhile
  }
}
