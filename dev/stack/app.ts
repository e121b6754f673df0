import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "./paths.ts";
import type { Ports } from "./ports.ts";
import type { ManagedProcess, Processes } from "./processes.ts";
import { answers, START_LIMIT_MS, waitFor } from "./wait.ts";

export type Role = "api" | "worker";

export interface App {
  /** The running process of a role; undefined after it was killed. */
  process(role: Role): ManagedProcess | undefined;
  /** Sends a signal (SIGKILL by default) and waits until the process is gone. */
  kill(role: Role, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a role again, stopping it first if it runs, and waits until it is ready. */
  restart(role: Role): Promise<void>;
}

const GRACE_MS = 15_000;

/** Whether there is a product to start. */
export const hasApp = (): boolean => existsSync(join(repositoryRoot, "src/main.ts"));

/** The product itself as two processes, API and worker, each restartable alone. Starts neither. */
export function createApp(options: {
  readonly processes: Processes;
  readonly ports: Ports;
  readonly env: Readonly<Record<string, string>>;
  /** Each process's own way into the database; that of `env` where it has none. */
  readonly databaseUrls?: Readonly<Record<Role, string>>;
}): App {
  const running: Partial<Record<Role, ManagedProcess>> = {};
  const { api, apiMetrics, workerMetrics } = options.ports;
  const readyUrl = {
    api: `http://127.0.0.1:${api}/readyz`,
    worker: `http://127.0.0.1:${workerMetrics}/readyz`,
  };

  async function stop(role: Role): Promise<void> {
    await running[role]?.stop();
    delete running[role];
  }

  async function start(role: Role): Promise<void> {
    const started = options.processes.spawn({
      name: role,
      command: process.execPath,
      args: [join(repositoryRoot, "src/main.ts"), `--role=${role}`],
      cwd: repositoryRoot,
      env: {
        ...appEnvironment(options.env),
        ...(options.databaseUrls === undefined ? {} : { DATABASE_URL: options.databaseUrls[role] }),
        METRICS_PORT: String(role === "api" ? apiMetrics : workerMetrics),
      },
      graceMs: GRACE_MS,
    });
    running[role] = started;
    await waitFor(() => answers(readyUrl[role]), {
      what: `${readyUrl[role]} to say that the ${role} is ready`,
      timeoutMs: START_LIMIT_MS,
      by: started,
      tryThis: `read ${started.logFile}, then run this again`,
    });
  }

  return {
    process: (role) => (running[role]?.exit === undefined ? running[role] : undefined),
    async kill(role, signal = "SIGKILL") {
      const target = running[role];
      target?.kill(signal);
      await target?.exited;
      delete running[role];
    },
    async restart(role) {
      await stop(role);
      await start(role);
    },
  };
}

/** Of the user's environment only what a process needs to run; the product's variables are the stack's. */
function appEnvironment(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "NODE_OPTIONS",
    "NODE_COMPILE_CACHE",
    "LOG_LEVEL",
    "CI",
  ];
  // The Lit SDK uses names that it has itself deprecated, and says so at each start.
  const quiet = { NO_DEPRECATION: "*" };
  return { ...Object.fromEntries(kept.map((name) => [name, process.env[name]])), ...quiet, ...env };
}
