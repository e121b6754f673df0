import { AbiCoder } from "ethers";
import { z } from "zod";
import { startServer } from "../../dev/sandbox/http.ts";
import type { SandboxServer } from "../../dev/sandbox/http.ts";
import { startJitsiSandbox as startJitsi } from "../../dev/sandbox/jitsi/server.ts";
import type { JitsiSandbox, JitsiSandboxOptions } from "../../dev/sandbox/jitsi/server.ts";
import type { LitSandbox, LitSandboxOptions } from "../../dev/sandbox/lit/server.ts";
import { startParaSandbox as startPara } from "../../dev/sandbox/para/server.ts";
import type { ParaSandbox, ParaSandboxOptions } from "../../dev/sandbox/para/server.ts";

// Sandboxes inside the test process, on free ports; the caller stops them.

export function startParaSandbox(options: Partial<ParaSandboxOptions> = {}): Promise<ParaSandbox> {
  return startPara({ port: 0, ...options });
}

export async function startLitSandbox(
  options: Omit<LitSandboxOptions, "port">,
): Promise<LitSandbox> {
  // It brings Lit's SDK, which most who import this file do not need.
  const lit = await import("../../dev/sandbox/lit/server.ts");
  return lit.startLitSandbox({ port: 0, ...options });
}

export function startJitsiSandbox(
  options: Partial<JitsiSandboxOptions> = {},
): Promise<JitsiSandbox> {
  return startJitsi({ port: 0, retryDelayMs: 0, ...options });
}

const signedIn = z.object({
  userId: z.string(),
  walletId: z.string(),
  address: z.string(),
  privateKey: z.string(),
  verificationToken: z.string(),
  session: z.string(),
});

/** Somebody who has just signed in at the Para sandbox. */
export type SignedIn = Readonly<z.infer<typeof signedIn>>;

/** Signs somebody in by e-mail, or as the control endpoint of the Para sandbox understands `who`. */
export async function signIn(para: SandboxServer, who: string | object): Promise<SignedIn> {
  const response = await fetch(`${para.url}/__sandbox/users`, {
    method: "POST",
    body: JSON.stringify(typeof who === "string" ? { email: who } : who),
  });
  return signedIn.parse(await response.json());
}

/** Tells a sandbox to be in some trouble, or out of it. */
export async function control(sandbox: SandboxServer, path: string, body: object): Promise<void> {
  const response = await fetch(`${sandbox.url}/__sandbox/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
}

const rpcRequest = z.object({
  id: z.number(),
  method: z.string(),
  params: z.array(z.unknown()).default([]),
});
const callRequest = z.object({ to: z.string(), data: z.string() });
const OWNER_OF = "0x6352211e";
const IS_VALID_SIGNATURE = "0x1626ba7e";

/** A chain with one ERC-721 contract of one token (whatever its address and id), and one contract wallet. */
export interface ChainStub extends SandboxServer {
  /** Undefined: there is no such token, and `ownerOf` reverts. */
  setOwner(owner: string | undefined): void;
  /** A contract wallet at this address that accepts this signature (hex) for anything; undefined: none. */
  setContractWallet(wallet: { address: string; signature: string } | undefined): void;
  setChainId(chainId: number): void;
  /** What every `eth_call` fails with, as the node's JSON-RPC error; undefined: nothing. */
  setCallError(error: object | undefined): void;
}

export async function startChainStub(): Promise<ChainStub> {
  let owner: string | undefined;
  let chainId = 31_337;
  let wallet: { address: string; signature: string } | undefined;
  let callError: object | undefined;
  const encode = (type: string, value: string): object => ({
    result: AbiCoder.defaultAbiCoder().encode([type], [value]),
  });
  const reverted = { error: { code: 3, message: "execution reverted", data: "0x7e273289" } };
  const answerCall = (params: readonly unknown[]): object => {
    if (callError !== undefined) return { error: callError };
    const { to, data } = callRequest.parse(params[0]);
    if (data.startsWith(OWNER_OF)) return owner === undefined ? reverted : encode("address", owner);
    // Nothing but the contract wallet has code that knows this.
    if (wallet === undefined || to.toLowerCase() !== wallet.address.toLowerCase())
      return { result: "0x" };
    const isKnown =
      data.startsWith(IS_VALID_SIGNATURE) && data.includes(wallet.signature.slice(2).toLowerCase());
    return encode("bytes4", isKnown ? IS_VALID_SIGNATURE : "0xffffffff");
  };
  const results: Readonly<Record<string, (params: readonly unknown[]) => object>> = {
    eth_chainId: () => ({ result: `0x${chainId.toString(16)}` }),
    net_version: () => ({ result: String(chainId) }),
    eth_blockNumber: () => ({ result: "0x1" }),
    eth_call: answerCall,
  };
  const server = await startServer(0, () => [
    {
      method: "POST",
      path: "/",
      handle: (request) => {
        const { id, method, params } = rpcRequest.parse(JSON.parse(request.text));
        return { status: 200, body: { jsonrpc: "2.0", id, ...results[method]?.(params) } };
      },
    },
  ]);
  return {
    ...server,
    setOwner: (value) => void (owner = value),
    setContractWallet: (value) => void (wallet = value),
    setChainId: (value) => void (chainId = value),
    setCallError: (error) => void (callError = error),
  };
}
