import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** When a process started, as an opaque text: process id + start time name one process for ever. */
export function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      // Field 22; the second field may hold spaces and parentheses, so count from the last ")".
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? undefined : fields[19];
    }
    return (
      execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() ||
      undefined
    );
  } catch {
    return undefined;
  }
}

/** Whether a process runs (a zombie does not). */
export function runs(pid: number): boolean {
  return startTimeOf(pid) !== undefined;
}

/** Whether this id is a running program of this name, working in this folder where the system tells. */
export function isProcess(pid: number, expected: { cwd: string; named: string }): boolean {
  if (!runs(pid)) return false;
  try {
    if (process.platform === "linux") {
      return (
        readFileSync(`/proc/${pid}/comm`, "utf8").trim() === expected.named &&
        readlinkSync(`/proc/${pid}/cwd`) === expected.cwd
      );
    }
    const command = execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
    return command.includes(expected.named) && command.includes(expected.cwd);
  } catch {
    return false;
  }
}
