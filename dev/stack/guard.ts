// The guard outlives a killed launcher. It holds the read end of a pipe from it; when the launcher
// ends without a farewell (SIGKILL, out of memory), the pipe closes and the guard ends every process
// group the launcher had started, last started first, then removes the folders it was told to.
//
// Lines it understands:  "+ <pgid> <signal> <graceMs>"   "- <pgid>"   "rm <folder>"
// Nothing is ever found by name: only the ids the launcher sent are touched.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { runs } from "./process-identity.ts";

interface Group {
  readonly pgid: number;
  readonly signal: string;
  readonly graceMs: number;
}

const groups = new Map<number, Group>();
const folders = new Set<string>();

// A Ctrl-C or a closed terminal is the launcher's business; the guard ends when its pipe does.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

function send(pgid: number, signal: string): void {
  try {
    process.kill(-pgid, signal);
  } catch {
    // already gone
  }
}

async function end(group: Group): Promise<void> {
  send(group.pgid, group.signal);
  const deadline = performance.now() + group.graceMs;
  while (runs(group.pgid) && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 20));
  send(group.pgid, "SIGKILL"); // what the leader of the group left behind, or the leader itself
}

for await (const line of createInterface({ input: process.stdin })) {
  const [verb, ...rest] = line.split(" ");
  if (verb === "+") {
    const pgid = Number(rest[0]);
    groups.set(pgid, { pgid, signal: rest[1] ?? "SIGTERM", graceMs: Number(rest[2]) });
  } else if (verb === "-") {
    groups.delete(Number(rest[0]));
  } else if (verb === "rm") {
    folders.add(rest.join(" "));
  }
}
for (const group of [...groups.values()].toReversed()) await end(group);
for (const folder of folders) rmSync(folder, { recursive: true, force: true });
