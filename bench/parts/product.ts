// The local stack with a worker of the product as a process of its own, as `npm start -- --role=worker` runs it.
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { StackError } from "../../dev/stack/errors.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { productSearchAttributes } from "../../dev/stack/search-attributes.ts";
import { prepareStack, type Stack } from "../../dev/stack/stack.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";
import { startDarkProxy } from "../../test/support/dark-proxy.ts";
import { type BenchContext, until } from "../bench.ts";
import { makeFolder } from "./folder.ts";

export interface Worker {
  /** Sends the signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface Product {
  readonly stack: Stack;
  readonly rpcUrl: string;
  /** Lower-case. */
  readonly auction: string;
  readonly chainId: number;
  /** For a worker whose connections to Postgres `darken` can silence. */
  readonly darkEnv: Readonly<Record<string, string>>;
  /** The connections to Postgres that are open carry nothing any more; new ones do. */
  darken(): void;
  /** The Temporal server answers nothing for so long. */
  freezeTemporal(ms: number): void;
  /** Starts a worker and waits until it says that it is ready. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<Worker>;
}

/** A worker that is told to stop finishes what it has begun. */
const WORKER_GRACE_MS = 30_000;

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}

/** Everything ends with the benchmark (`context.atEnd`). */
export async function startProduct(
  context: BenchContext,
  name: string,
  options: { readonly blockTimeS: number },
): Promise<Product> {
  context.note(`starting Postgres, Temporal and a chain with ${options.blockTimeS} s blocks`);
  const { folder, processes } = makeFolder(context);
  const { temporal, temporalHttp } = await freePorts();
  // The stack keeps workflows in a file, in which they start several times slower than on a server worth the name.
  const server = await startTemporal({
    processes,
    port: temporal,
    httpPort: temporalHttp,
    searchAttributes: await productSearchAttributes(),
  });
  process.env["TEMPORAL_ADDRESS"] = server.address;
  const prepared = prepareStack({
    dataDir: join(folder, "stack"),
    ports: "free",
    app: false,
    blockTimeS: options.blockTimeS,
  });
  context.atEnd(prepared.stop);
  const stack = await prepared.start();
  delete process.env["TEMPORAL_ADDRESS"];
  const workers = createProcesses({ logDir: context.logDir ?? join(folder, "logs") });
  context.atEnd(() => workers.stopAll());

  const proxy = await startDarkProxy(stack.env["DATABASE_URL"] ?? "");
  context.atEnd(() => proxy.close());
  const thaw = (): void => server.process?.kill("SIGCONT");
  // One that is frozen cannot be ended.
  context.atEnd(async () => thaw());
  return {
    stack,
    darkEnv: { DATABASE_URL: proxy.through(stack.env["DATABASE_URL"] ?? "") },
    darken: () => proxy.goDark(),
    freezeTemporal(ms) {
      server.process?.kill("SIGSTOP");
      setTimeout(thaw, ms);
    },
    rpcUrl: stack.urls.chain,
    auction: stack.contracts.auctionAddress.toLowerCase(),
    chainId: stack.contracts.chainId,
    async startWorker(env = {}) {
      const metricsPort = await freePort();
      const worker = workers.spawn({
        name,
        command: process.execPath,
        args: [join(repositoryRoot, "src/main.ts"), "--role=worker"],
        cwd: repositoryRoot,
        env: {
          PATH: process.env["PATH"],
          HOME: process.env["HOME"],
          NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
          NO_DEPRECATION: "*",
          ...stack.env,
          METRICS_PORT: String(metricsPort),
          ...env,
        },
        graceMs: WORKER_GRACE_MS,
      });
      // Before what the benchmark had put between it and the chain.
      context.atEnd(() => worker.stop());
      const url = `http://127.0.0.1:${metricsPort}/readyz`;
      await until(
        `${url} to say that the worker is ready`,
        async () => {
          if (worker.exit !== undefined)
            throw new StackError("the worker ended before it was ready", {
              logFile: worker.logFile,
            });
          return fetch(url).then(
            (response) => response.ok,
            () => false,
          );
        },
        60_000,
      );
      return {
        async end(signal) {
          worker.kill(signal);
          await worker.exited;
        },
        kill: (signal) => worker.kill(signal),
      };
    },
  };
}
