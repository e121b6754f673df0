// The local stack with a worker of the product as a process of its own, as `npm start -- --role=worker` runs it.
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { productSearchAttributes } from "../../dev/stack/search-attributes.ts";
import { startStack, type Stack } from "../../dev/stack/stack.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";
import { type BenchContext, until } from "../bench.ts";

export interface Worker {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** SIGTERM unless told otherwise, and waits until it is gone. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

export interface Product {
  readonly stack: Stack;
  readonly rpcUrl: string;
  /** Lower-case. */
  readonly auction: string;
  readonly chainId: number;
  /** Starts a worker and waits until it says that it is ready. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<Worker>;
  stop(): Promise<void>;
}

export async function startProduct(
  context: BenchContext,
  name: string,
  options: { readonly blockTimeS: number },
): Promise<Product> {
  context.note(`starting Postgres, Temporal and a chain with ${options.blockTimeS} s blocks`);
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-bench-"));
  const { temporal, temporalHttp, workerMetrics } = await freePorts();
  const processes = createProcesses({
    logDir: join(folder, "temporal"),
    pidFile: join(folder, "temporal.json"),
  });
  // The stack keeps workflows in a file, in which they start several times slower than on a server worth the name.
  const server = await startTemporal({
    processes,
    port: temporal,
    httpPort: temporalHttp,
    searchAttributes: await productSearchAttributes(),
  });
  process.env["TEMPORAL_ADDRESS"] = server.address;
  const stack = await startStack({
    dataDir: join(folder, "stack"),
    ports: "free",
    app: false,
    blockTimeS: options.blockTimeS,
  });
  delete process.env["TEMPORAL_ADDRESS"];
  const workers: Worker[] = [];

  return {
    stack,
    rpcUrl: stack.urls.chain,
    auction: stack.contracts.auctionAddress.toLowerCase(),
    chainId: stack.contracts.chainId,
    async startWorker(env = {}) {
      const child = spawn(
        process.execPath,
        [join(repositoryRoot, "src/main.ts"), "--role=worker"],
        {
          cwd: repositoryRoot,
          env: {
            PATH: process.env["PATH"],
            HOME: process.env["HOME"],
            NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
            NO_DEPRECATION: "*",
            ...stack.env,
            METRICS_PORT: String(workerMetrics),
            ...env,
          },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      const file = context.logDir === undefined ? undefined : join(context.logDir, `${name}.log`);
      const log = createWriteStream(file ?? "/dev/null", { flags: "a" });
      child.stdout.pipe(log, { end: false });
      child.stderr.pipe(log, { end: false });
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      let gone = false;
      void exited.then(() => (gone = true));
      const worker: Worker = {
        pid: child.pid ?? 0,
        exited,
        async end(signal = "SIGTERM") {
          child.kill(signal);
          await exited;
        },
      };
      workers.push(worker);
      const url = `http://127.0.0.1:${workerMetrics}/readyz`;
      await until(
        `${url} to say that the worker is ready`,
        async () => {
          if (gone)
            throw new Error("the worker ended before it was ready: --logs FOLDER tells why");
          return fetch(url).then(
            (response) => response.ok,
            () => false,
          );
        },
        60_000,
      );
      return worker;
    },
    async stop() {
      for (const worker of workers) await worker.end();
      await stack.stop();
      await processes.stopAll();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
