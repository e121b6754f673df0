// Runs one Lit Action (v7) in a process of its own: `vm` separates names, not powers. Reads a job as
// JSON from standard input, writes what the action asked for as JSON to standard output. The PKP's
// key is not here: what is to be signed goes back to the node.
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";

interface Job {
  readonly source: string;
  readonly jsParams: Record<string, unknown>;
  /** RPC URLs by chain name, the node's own. */
  readonly rpcUrls: Readonly<Record<string, string>>;
  readonly authSigAddress: string;
  readonly actionCid: string;
  readonly timeoutMs: number;
}

interface SignRequest {
  readonly toSign: ArrayLike<number>;
  readonly publicKey: string;
  readonly sigName: string;
}

/** Lit's nodes give actions ethers v5; it comes with the SDK. */
function loadEthers5(): unknown {
  const require = createRequire(import.meta.url);
  return (createRequire(require.resolve("@lit-protocol/lit-node-client"))("ethers") as { ethers: unknown }).ethers;
}

async function readJob(): Promise<Job> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Job;
}

async function run(job: Job): Promise<unknown> {
  let response = "";
  const logs: string[] = [];
  const toSign: { digestHex: string; publicKey: string; sigName: string }[] = [];
  const Actions = {
    setResponse: (given: { response: string }): void => void (response = String(given.response)),
    signEcdsa: (request: SignRequest): string => {
      const digest = Buffer.from(Uint8Array.from(request.toSign));
      if (digest.length !== 32) throw new Error("signEcdsa: toSign must be 32 bytes");
      toSign.push({ digestHex: digest.toString("hex"), publicKey: String(request.publicKey), sigName: String(request.sigName) });
      return "success";
    },
    getRpcUrl: ({ chain }: { chain: string }): string => {
      const url = Object.hasOwn(job.rpcUrls, chain) ? job.rpcUrls[chain] : undefined;
      if (url === undefined) throw new Error(`getRpcUrl: no RPC for the chain ${chain}`);
      return url;
    },
    runOnce: async (_options: unknown, work: () => Promise<unknown>): Promise<string> => String(await work()),
  };
  const Auth = { authSigAddress: job.authSigAddress, actionIpfsIds: [job.actionCid], authMethodContexts: [] };
  const log = (...parts: unknown[]): void => void logs.push(`${parts.join(" ")}\n`);
  // v7 makes every parameter a global; the node's own names win.
  const context = createContext({ ...job.jsParams, Lit: { Actions, Auth }, LitActions: Actions, LitAuth: Auth, ethers: loadEthers5(), fetch, console: { log, error: log, warn: log }, setTimeout, TextEncoder, Uint8Array });
  await (runInContext(job.source, context, { timeout: job.timeoutMs }) as unknown);
  return { response, logs: logs.join(""), toSign };
}

try {
  // An action's value is not always its promise; whatever it left running ends before this process does.
  const result = (await run(await readJob())) as Record<string, unknown>;
  process.once("beforeExit", () => process.stdout.write(JSON.stringify(result)));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
