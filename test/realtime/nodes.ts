// API nodes of the product as real processes, as npm start runs them.
import type { Stack } from "../../dev/stack/stack.ts";
import { ask, type ProductProcess, startProduct, until } from "../process/support.ts";

export interface Node {
  readonly port: number;
  readonly pid: number;
  /** SIGKILL: it has no moment to say or finish anything. */
  kill(): Promise<void>;
  /** SIGTERM, as in a rolling restart. */
  stop(): Promise<void>;
  /** Starts it again on the same port, and waits until it is ready. */
  start(): Promise<void>;
}

/** Starts a node and waits until it is ready. */
export async function startNode(
  stack: Stack,
  ports: { readonly api: number; readonly metrics: number },
  env: Readonly<Record<string, string>> = {},
): Promise<Node> {
  const { PLATFORM_PRIVATE_KEY: _, ...apiEnv } = stack.env;
  let running: ProductProcess;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    process.kill(running.pid, signal);
    await running.exited;
  };
  const start = async (): Promise<void> => {
    running = startProduct(["--role=api"], {
      ...apiEnv,
      PORT: String(ports.api),
      METRICS_PORT: String(ports.metrics),
      NO_DEPRECATION: "*",
      ...env,
    });
    const isReady = async (): Promise<boolean> =>
      (await ask(`http://127.0.0.1:${ports.api}/readyz`)).status === 200;
    await until(isReady, running);
  };
  await start();
  return {
    port: ports.api,
    get pid() {
      return running.pid;
    },
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    start,
  };
}
