// The product's worker as a process, through all its lives.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import type { Exit, ManagedProcess, Processes } from "../../dev/stack/processes.ts";
import type { Life } from "./plan-lives.ts";

export interface Death extends Exit {
  readonly pid: number;
  /** Undefined for a life that no plan ends: the worker died by itself. */
  readonly life: Life | undefined;
}

export class Product {
  readonly deaths: Death[] = [];
  readonly #processes: Processes;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #lives: readonly Life[];
  readonly #compileCache: string;
  #child: ManagedProcess | undefined;
  #stopping = false;

  constructor(parts: {
    readonly processes: Processes;
    /** Where its logs go. */
    readonly folder: string;
    readonly env: Readonly<Record<string, string>>;
    readonly lives: readonly Life[];
    readonly compileCache: string;
  }) {
    this.#processes = parts.processes;
    this.#folder = parts.folder;
    this.#env = parts.env;
    this.#lives = parts.lives;
    this.#compileCache = parts.compileCache;
    mkdirSync(this.#folder, { recursive: true });
  }

  get alive(): boolean {
    return this.#child !== undefined;
  }

  /** How the present life is to end; undefined when it has no planned end. */
  get life(): Life | undefined {
    return this.#lives[this.deaths.length];
  }

  start(): void {
    const { life } = this;
    const child = this.#processes.spawn({
      name: `worker-${this.deaths.length + 1}`,
      command: process.execPath,
      args: [join(repositoryRoot, "src/main.ts"), "--role=worker"],
      cwd: repositoryRoot,
      env: {
        PATH: process.env["PATH"],
        HOME: process.env["HOME"],
        NODE_COMPILE_CACHE: this.#compileCache,
        ...this.#env,
        LOG_DIR: this.#folder,
        ...(life?.crashAt === undefined ? {} : { CRASH_AT: life.crashAt }),
      },
      stopSignal: "SIGKILL",
    });
    this.#child = child;
    void child.exited.then((exit) => {
      this.#child = undefined;
      if (!this.#stopping) this.deaths.push({ life, pid: child.pid, ...exit });
    });
  }

  /** SIGKILL from outside; settles when it is dead. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
  }

  /** Ends it for good. It needs no farewell: all it knows is in Postgres and Temporal. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#child?.stop();
  }
}
