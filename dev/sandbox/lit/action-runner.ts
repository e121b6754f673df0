// Runs one Lit Action in a process of its own: `vm` separates names, not powers. Reads a job as JSON
// from standard input, writes what the action asked for as JSON to standard output. On v7 the PKP's
// key is not here: what is to be signed goes back to the node. Chipotle hands the action its keys.
import { createRequire } from "node:module";
import { createContext, runInContext } from "node:vm";
import type { ActionJob, ChipotleJob, V7Job } from "./run-action.ts";

interface SignRequest {
  readonly toSign: ArrayLike<number>;
  readonly publicKey: string;
  readonly sigName: string;
}

/** Lit's nodes give actions ethers v5; it comes with the SDK. */
function loadEthers5(): unknown {
  const require = createRequire(import.meta.url);
  const fromSdk = createRequire(require.resolve("@lit-protocol/lit-node-client"));
  const { ethers }: { ethers: unknown } = fromSdk("ethers");
  return ethers;
}

/** The sandbox wrote it, and is believed: a schema library would take longer to load than most actions to run. */
async function readJob(): Promise<ActionJob> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

/** What an action has asked for so far. */
interface Asked {
  response: string;
  readonly logs: string[];
  readonly toSign: { digestHex: string; publicKey: string; sigName: string }[];
}

/** `Lit.Actions` of v7: the nodes sign. */
function actionsOfV7(given: V7Job, asked: Asked): object {
  return {
    setResponse: (answer: { response: string }): void => void (asked.response = answer.response),
    signEcdsa: (request: SignRequest): string => {
      const digest = Buffer.from(Uint8Array.from(request.toSign));
      if (digest.length !== 32) throw new Error("signEcdsa: toSign must be 32 bytes");
      asked.toSign.push({
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
}

/** `Lit.Actions` of Chipotle: the action signs, with the keys it may ask for. */
function actionsOfChipotle(given: ChipotleJob, asked: Asked): object {
  return {
    setResponse: ({ response }: { response: unknown }): void =>
      void (asked.response =
        typeof response === "string" ? response : JSON.stringify(response ?? null)),
    getPrivateKey: async ({ pkpId }: { pkpId: unknown }): Promise<string> => {
      const id = String(pkpId).toLowerCase();
      const key = Object.hasOwn(given.pkps, id) ? given.pkps[id] : undefined;
      if (key === undefined)
        throw new Error("API key cannot use selected wallet in selected action");
      return key;
    },
    getLitActionPrivateKey: async (): Promise<string> => given.actionKey,
  };
}

/** Runs the action; the function it answers tells what the action has asked for so far. */
async function run(given: ActionJob): Promise<() => object> {
  const asked: Asked = { response: "", logs: [], toSign: [] };
  const actions =
    given.generation === "v7" ? actionsOfV7(given, asked) : actionsOfChipotle(given, asked);
  const auth =
    given.generation === "v7"
      ? {
          authSigAddress: given.authSigAddress,
          actionIpfsIds: [given.actionCid],
          authMethodContexts: [],
        }
      : {};
  const log = (...parts: unknown[]): void => void asked.logs.push(`${parts.join(" ")}\n`);
  const context = createContext(
    {
      // v7 makes every parameter a global; the node's own names win.
      ...(given.generation === "v7" ? given.jsParams : {}),
      Lit: { Actions: actions, Auth: auth },
      LitActions: actions,
      LitAuth: auth,
      ethers: loadEthers5(),
      fetch,
      console: { log, error: log, warn: log },
      setTimeout,
      TextEncoder,
      Uint8Array,
    },
    { codeGeneration: { strings: false, wasm: false } },
  );
  // Chipotle appends this call to the text of every action.
  const source =
    given.generation === "v7"
      ? given.source
      : `${given.source}\n;(async () => {
          const params = ${JSON.stringify(given.jsParams ?? null)};
          const data = await main(params);
          if (typeof data !== "undefined") LitActions.setResponse({ response: data });
        })();`;
  const value: unknown = runInContext(source, context, { timeout: given.timeoutMs });
  await value;
  return () => ({ ...asked, logs: asked.logs.join("") });
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
