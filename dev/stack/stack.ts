import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { endLeftovers } from "./leftovers.ts";
import { lockFolder } from "./lock.ts";
import type { Lock } from "./lock.ts";
import { startParts } from "./parts.ts";
import type { StackParts } from "./parts.ts";
import { repositoryRoot } from "./paths.ts";
import type { Ports } from "./ports.ts";
import { createProcesses } from "./processes.ts";
import type { Processes } from "./processes.ts";
import type { Progress } from "./progress.ts";

export interface StackOptions {
  /** Holds all data and logs; `.dev` by default. */
  readonly dataDir?: string;
  /** The defaults of ports.ts unless given; "free" takes any that are free. */
  readonly ports?: Ports | "free";
  /** Wipes the data first. */
  readonly fresh?: boolean;
  /** Whether to start the API and a worker too; true by default. */
  readonly app?: boolean;
  readonly blockTimeS?: number;
  readonly progress?: Progress;
  /** Added to the product's environment, over everything the stack sets. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Stack extends StackParts {
  readonly dataDir: string;
  readonly processes: Processes;
  /** Ends every process, last started first, and releases the data folder. Callable twice. */
  stop(this: void): Promise<void>;
  /** Ends every process at once. */
  kill(this: void): void;
}

/** Where the stack of this clone keeps its data and logs. */
export const defaultDataDir = join(repositoryRoot, ".dev");

/**
 * Starts the whole system on this machine: Postgres, Temporal, the chain with the contracts, the
 * sandboxes, and (unless `app: false`) the API and a worker. Everything listens on 127.0.0.1; data
 * stays in `dataDir`, so a second start continues where the first ended.
 *
 *     const stack = await startStack({ dataDir, ports: "free", app: false });
 *     try { … stack.urls, stack.env … } finally { await stack.stop(); }
 *
 * Throws StackError, with everything it had started ended again.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  return prepareStack(options).start();
}

export interface PreparedStack {
  start(this: void): Promise<Stack>;
  stop(this: void): Promise<void>;
  kill(this: void): void;
}

/** Like startStack in two moves, for launchers that must be able to stop a stack that is still starting. */
export function prepareStack(options: StackOptions): PreparedStack {
  const dataDir = resolve(options.dataDir ?? defaultDataDir);
  const pidFile = join(dataDir, "processes.json");
  const processes = createProcesses({ logDir: join(dataDir, "logs"), pidFile });
  let lock: Lock | undefined;

  async function stop(): Promise<void> {
    await processes.stopAll();
    lock?.release();
  }

  return {
    async start() {
      try {
        lock = lockFolder(dataDir);
        // Data of a stack is no part of any repository, wherever --data-dir puts it.
        writeFileSync(join(dataDir, ".gitignore"), "*\n");
        if (lock.wasStale) await endLeftovers(pidFile);
        const parts = await startParts(options, dataDir, processes);
        return { ...parts, dataDir, processes, stop, kill: () => processes.killAll() };
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
    kill: () => processes.killAll(),
  };
}
