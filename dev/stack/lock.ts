import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, StackError } from "./errors.ts";
import { startTimeOf } from "./process-identity.ts";

interface Holder {
  readonly pid: number;
  /** Process ids are used again; with its start time a process is unmistakable. */
  readonly startTime: string | undefined;
  readonly since: string;
  readonly token: string;
}

export interface Lock {
  /** Whether a holder that no longer runs was found: its processes may be ending still. */
  readonly wasStale: boolean;
  release(): void;
}

/** Takes a folder for this process alone. Fails, naming the holder, while another running process has it. */
export function lockFolder(folder: string): Lock {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "lock");
  const me: Holder = {
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    since: new Date().toISOString(),
    token: randomUUID(),
  };
  const mine = `${file}.${me.token}`;
  writeFileSync(mine, JSON.stringify(me));
  let wasStale = false;
  try {
    while (!claim(mine, file)) {
      const holder = read(file);
      if (
        holder !== undefined &&
        startTimeOf(holder.pid) === holder.startTime &&
        holder.startTime !== undefined
      ) {
        throw new StackError(
          `${folder} is in use by process ${holder.pid}, since ${holder.since}`,
          {
            tryThis: `end it first (Ctrl-C, or kill ${holder.pid}), or start beside it with --data-dir .dev-2 --free-ports`,
          },
        );
      }
      wasStale = true;
      discard(file, holder);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    wasStale,
    release: () => {
      if (read(file)?.token === me.token) rmSync(file, { force: true });
    },
  };
}

/** A hard link is made by one process only, and with its content complete. */
function claim(mine: string, file: string): boolean {
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Removes a stale lock, and puts it back if it turns out to be another process's new one. */
function discard(file: string, stale: Holder | undefined): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch {
    return; // someone else was faster
  }
  if (read(aside)?.token !== stale?.token) claim(aside, file);
  rmSync(aside, { force: true });
}

function read(file: string): Holder | undefined {
  try {
    const holder: Holder = JSON.parse(readFileSync(file, "utf8"));
    return holder;
  } catch {
    return undefined;
  }
}
