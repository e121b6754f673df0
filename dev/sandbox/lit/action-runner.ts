// Runs one Lit Action (v7) in a process of its own: `vm` separates names, not powers. Reads a job as
// JSON from standard input, writes what the action asked for as JSON to standard output. The PKP's
// key is not here: what is to be signed goes back to the node.
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";
import { z } from "zod";

const job = z.object({
  source: z.string(),
  jsParams: z.record(z.string(), z.unknown()),
  /** RPC URLs by chain name, the node's own. */
  rpcUrls: z.record(z.string(), z.string()),
  authSigAddress: z.string(),
  actionCid: z.string(),
  timeoutMs: z.number(),
});

type Job = z.infer<typeof job>;

interface SignRequest {
  readonly toSign: ArrayLike<number>;
  readonly publicKey: string;
  readonly sigName: string;
}

/** Lit's nodes give actions ethers v5; it comes with the SDK. */
function loadEthers5(): unknown {
  const require = createRequire(import.meta.url);
  const fromSdk = createRequire(require.resolve("@lit-protocol/lit-node-client"));
  return z.object({ ethers: z.unknown() }).parse(fromSdk("ethers")).ethers;
}

async function readJob(): Promise<Job> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return job.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
}

/** Runs the action; the function it answers tells what the action has asked for so far. */
async function run(given: Job): Promise<() => object> {
  let response = "";
  const logs: string[] = [];
  const toSign: { digestHex: string; publicKey: string; sigName: string }[] = [];
  const Actions = {
    setResponse: (answer: { response: string }): void => void (response = answer.response),
    signEcdsa: (request: SignRequest): string => {
      const digest = Buffer.from(Uint8Array.from(request.toSign));
      if (digest.length !== 32) throw new Error("signEcdsa: toSign must be 32 bytes");
      toSign.push({
        digestHex: digest.toString("hex"),
        publicKey: request.publicKey,
        sigName: request.sigName,
      });
      return "success";
    },
    getRpcUrl: ({ chain }: { chain: string }): string => {
      const url = Object.hasOwn(given.rpcUrls, chain) ? given.rpcUrls[chain] : undefined;
      if (url === undefined) throw new Error(`getRpcUrl: no RPC for the chain ${chain}`);
      return url;
    },
    runOnce: async (_options: unknown, work: () => Promise<unknown>): Promise<string> =>
      String(await work()),
  };
  const Auth = {
    authSigAddress: given.authSigAddress,
    actionIpfsIds: [given.actionCid],
    authMethodContexts: [],
  };
  const log = (...parts: unknown[]): void => void logs.push(`${parts.join(" ")}\n`);
  // v7 makes every parameter a global; the node's own names win.
  const context = createContext({
    ...given.jsParams,
    Lit: { Actions, Auth },
    LitActions: Actions,
    LitAuth: Auth,
    ethers: loadEthers5(),
    fetch,
    console: { log, error: log, warn: log },
    setTimeout,
    TextEncoder,
    Uint8Array,
  });
  const value: unknown = runInContext(given.source, context, { timeout: given.timeoutMs });
  await value;
  return () => ({ response, logs: logs.join(""), toSign });
}

try {
  // An action's value is not always its promise; whatever it left running ends before this process does.
  const collect = await run(await readJob());
  process.once("beforeExit", () => process.stdout.write(JSON.stringify(collect())));
} catch (error) {
  process.stdout.write(
    JSON.stringify({ error: error instanceof Error ? error.message : String(error) }),
  );
}
