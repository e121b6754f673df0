import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { codeOf, StackError } from "./errors.ts";
import { startTimeOf } from "./process-identity.ts";
import { sleep } from "./wait.ts";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child in a process group of its own (group id = `pid`), known to the guard. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Where in its log this process began, in bytes. */
  readonly logFrom: number;
  /** Undefined while it runs. */
  readonly exit: Exit | undefined;
  readonly exited: Promise<Exit>;
  /** Sends a signal to the whole group. */
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end, then forces it after its grace time; settles when the whole group is gone. */
  stop(): Promise<void>;
}

export interface SpawnOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take to end by itself before SIGKILL. */
  readonly graceMs?: number;
  /** Show its output here instead of in a log file. */
  readonly inheritOutput?: boolean;
}

/** The children of one launcher. */
export interface Processes {
  readonly logDir: string;
  readonly running: readonly ManagedProcess[];
  spawn(options: SpawnOptions): ManagedProcess;
  /** A folder the guard removes if this process is killed; who made it still removes it on a clean end. */
  removeIfKilled(folder: string): void;
  /** Ends every child, last started first, then the guard. Callable twice. */
  stopAll(): Promise<void>;
  /** SIGKILL to every group at once: for a second Ctrl-C and for fatal errors. */
  killAll(this: void): void;
}

const GRACE_MS = 10_000;

/**
 * Starts children in process groups of their own with their output in `logDir/<name>.log`.
 * A guard process (see guard.ts) ends them even if this process is killed with SIGKILL.
 * With `pidFile`, what runs is kept there as JSON (`{name: {pid, startTime}}`).
 */
export function createProcesses(options: { logDir: string; pidFile?: string }): Processes {
  const children: Child[] = [];
  const logged = new Set<string>();
  let guard: ChildProcess | undefined;
  let stopping: Promise<void> | undefined;

  function tellGuard(line: string): void {
    if (guard === undefined) {
      guard = spawn(process.execPath, [fileURLToPath(new URL("guard.ts", import.meta.url))], {
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
        cwd: "/",
      });
      // Neither the guard nor its pipe may keep the launcher alive, or fail it.
      guard.unref();
      guard.stdin?.on("error", () => {});
      if (guard.stdin instanceof Socket) guard.stdin.unref();
    }
    guard.stdin?.write(`${line}\n`);
  }

  function writePids(): void {
    if (options.pidFile === undefined) return;
    const list = children.map(({ name, pid }) => ({ name, pid }));
    if (guard?.pid !== undefined && children.length > 0)
      list.push({ name: "guard", pid: guard.pid });
    const records = list.map(({ name, pid }) => [name, { pid, startTime: startTimeOf(pid) }]);
    mkdirSync(dirname(options.pidFile), { recursive: true });
    writeFileSync(options.pidFile, `${JSON.stringify(Object.fromEntries(records), null, 2)}\n`);
  }

  function start(what: SpawnOptions): ManagedProcess {
    if (stopping !== undefined)
      throw new StackError(`${what.name} is not started: the stack is stopping`);
    mkdirSync(options.logDir, { recursive: true });
    const logFile = join(options.logDir, `${what.name}.log`);
    // A first start begins a new log, so that its last lines are about this run; a restart appends.
    const fd =
      what.inheritOutput === true
        ? undefined
        : openSync(logFile, logged.has(what.name) ? "a" : "w");
    logged.add(what.name);
    try {
      const child = new Child(what, logFile, fd);
      tellGuard(`+ ${child.pid} ${child.stopSignal} ${child.graceMs}`);
      children.push(child);
      void forgetWhenGone(child);
      writePids();
      return child;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  async function forgetWhenGone(child: Child): Promise<void> {
    await child.groupGone;
    children.splice(children.indexOf(child), 1);
    tellGuard(`- ${child.pid}`);
    writePids();
  }

  async function stopChildren(): Promise<void> {
    for (const child of children.toReversed()) await child.stop();
    guard?.stdin?.end();
  }

  return {
    logDir: options.logDir,
    get running() {
      return [...children];
    },
    spawn: start,
    removeIfKilled: (folder) => tellGuard(`rm ${folder}`),
    stopAll: () => (stopping ??= stopChildren()),
    killAll: () => {
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

class Child implements ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly logFrom: number;
  readonly stopSignal: NodeJS.Signals;
  readonly graceMs: number;
  readonly exited: Promise<Exit>;
  /** Settles after the exit of the leader, when nothing of the group is left. */
  readonly groupGone: Promise<void>;
  exit: Exit | undefined;
  #stopping: Promise<void> | undefined;

  constructor(what: SpawnOptions, logFile: string, fd: number | undefined) {
    this.name = what.name;
    this.logFile = logFile;
    this.logFrom = fd === undefined ? 0 : fstatSync(fd).size;
    this.stopSignal = what.stopSignal ?? "SIGTERM";
    this.graceMs = what.graceMs ?? GRACE_MS;
    const spawned = spawn(what.command, what.args, {
      detached: true,
      stdio: fd === undefined ? "inherit" : ["ignore", fd, fd],
      ...(what.env === undefined ? {} : { env: what.env }),
      ...(what.cwd === undefined ? {} : { cwd: what.cwd }),
      ...(what.uid === undefined ? {} : { uid: what.uid }),
      ...(what.gid === undefined ? {} : { gid: what.gid }),
    });
    let spawnError: Error | undefined;
    spawned.on("error", (error) => (spawnError = error));
    if (spawned.pid === undefined) {
      throw new StackError(
        `${what.name} could not be started: ${what.command} ${spawnError?.message ?? ""}`.trim(),
      );
    }
    this.pid = spawned.pid;
    this.exited = new Promise((resolve) => {
      spawned.once("exit", (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    this.groupGone = this.exited.then(() => this.#sweep());
  }

  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // already gone
    }
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#end());
  }

  async #end(): Promise<void> {
    const deadline = performance.now() + this.graceMs;
    if (this.exit === undefined) this.kill(this.stopSignal);
    while (this.exit === undefined) {
      if (performance.now() > deadline) this.kill("SIGKILL");
      await sleep(10);
    }
    await this.groupGone;
  }

  /** Whatever a child left behind in its group ends with it (bounded: nobody may reap its zombies). */
  async #sweep(): Promise<void> {
    for (let tries = 0; tries < 100 && groupAlive(this.pid); tries += 1) {
      this.kill("SIGKILL");
      await sleep(10);
    }
  }
}

function groupAlive(pgid: number): boolean {
  try {
    process.kill(-pgid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
