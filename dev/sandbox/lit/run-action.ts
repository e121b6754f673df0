import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const RUNNER = fileURLToPath(new URL("action-runner.ts", import.meta.url));

const outcome = z.union([
  z.object({ error: z.string() }),
  z.object({
    response: z.string(),
    logs: z.string(),
    toSign: z.array(
      z.object({ digestHex: z.string(), publicKey: z.string(), sigName: z.string() }),
    ),
  }),
]);

export type ActionOutcome = z.infer<typeof outcome>;

interface CommonJob {
  readonly source: string;
  readonly actionCid: string;
  readonly timeoutMs: number;
}

export interface V7Job extends CommonJob {
  readonly generation: "v7";
  readonly jsParams: Readonly<Record<string, unknown>>;
  /** RPC URLs by chain name, the node's own. */
  readonly rpcUrls: Readonly<Record<string, string>>;
  readonly authSigAddress: string;
}

export interface ChipotleJob extends CommonJob {
  readonly generation: "chipotle";
  readonly jsParams: unknown;
  /** Private keys of the PKPs that the caller may use in this action, by address in lower case. */
  readonly pkps: Readonly<Record<string, string>>;
  /** The action's own private key. */
  readonly actionKey: string;
}

/** As the child process reads it. */
export type ActionJob = V7Job | ChipotleJob;

/**
 * Runs an action in a child process, without our environment, and ends it after the time limit, or when `signal` aborts: when the
 * sandbox stops.
 */
export async function runAction(job: ActionJob & { signal: AbortSignal }): Promise<ActionOutcome> {
  const { signal, ...rest } = job;
  const child = spawn(process.execPath, [RUNNER], {
    // Where Node keeps compiled code is no secret, and ethers takes most of the start.
    env: { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] },
    stdio: ["pipe", "pipe", "ignore"],
    signal: AbortSignal.any([signal, AbortSignal.timeout(job.timeoutMs)]),
    killSignal: "SIGKILL",
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => undefined);
  });
  // A child that ends before it has read everything breaks the pipe.
  child.stdin.once("error", () => undefined);
  child.stdin.end(JSON.stringify(rest));
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await ended;
  try {
    return outcome.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  } catch {
    return { error: "the action did not end within its time, or crashed" };
  }
}
