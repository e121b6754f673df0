import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { computeAddress, SigningKey } from "ethers";
import { z } from "zod";
import { computeActionCid } from "../../../src/lit/action-cid.ts";
import { startServer } from "../http.ts";
import type { Route, SandboxAnswer, SandboxRequest, SandboxServer } from "../http.ts";
import { derive, derivePrivateKey } from "../seed.ts";
import { ChipotleSandbox } from "./chipotle.ts";
import type { ChipotleConfig } from "./chipotle.ts";
import { LitControls } from "./controls.ts";
import { answerRpc } from "./rpc.ts";
import { runAction } from "./run-action.ts";
import type { ActionOutcome } from "./run-action.ts";
import { sessionProblem } from "./session-check.ts";

export interface LitSandboxOptions {
  /** 0: any free port. */
  readonly port: number;
  /** RPC of the local chain (31337); what the action's getRpcUrl answers for "localchain". */
  readonly chainRpcUrl: string;
  readonly seed?: string;
  /** Limit of one action, milliseconds. */
  readonly actionTimeoutMs?: number;
}

export interface LitSandbox extends SandboxServer {
  readonly config: {
    readonly network: "custom";
    readonly rpcUrl: string;
    readonly stakingAddress: string;
    readonly blockhashUrl: string;
    readonly pkpPublicKey: string;
    readonly actionCid: string;
  };
  /** The third generation, on the same port under /core/v1. */
  readonly chipotle: ChipotleConfig;
  /** Chipotle: has the group permit an action. */
  permitOnChipotle(cid: string): void;
  /** Chipotle: address of an action's own key. */
  actionAddress(cid: string): string;
  /** What it does wrong on demand; over HTTP by `POST /__sandbox/lit`. */
  readonly controls: LitControls;
  /** Publishes another action, as if pinned to IPFS; the PKP does not obey it. */
  publishAction(source: string): string;
  /** The nodes now refuse requests of clients that did not notice. */
  nextEpoch(): void;
}

const ACTION = new URL("../../../contracts/lit/access-action.js", import.meta.url);

const execution = z.looseObject({
  ipfsId: z.string().optional(),
  /** base64 */
  code: z.string().optional(),
  jsParams: z.record(z.string(), z.unknown()).optional(),
  authSig: z.looseObject({ address: z.string() }),
  epoch: z.number(),
});

/**
 * Both of Lit's generations on one port. One node of version 7 with a network of one: staking
 * contract (JSON-RPC at /rpc), handshake, block hashes and execution of actions against the local
 * chain; the PKP signs for contracts/lit/access-action.js only. And Chipotle's REST service at /core/v1.
 */
export async function startLitSandbox(options: LitSandboxOptions): Promise<LitSandbox> {
  const seed = options.seed ?? "lit sandbox";
  const pkp = new SigningKey(derivePrivateKey(seed, "pkp"));
  const stakingAddress = computeAddress(derivePrivateKey(seed, "staking"));
  const actionSource = readFileSync(ACTION, "utf8");
  const actionCid = computeActionCid(actionSource);
  const actions = new Map([[actionCid, actionSource]]);
  const stopping = new AbortController();
  const controls = new LitControls();
  const actionTimeoutMs = options.actionTimeoutMs ?? 10_000;
  const chipotle = new ChipotleSandbox({
    seed,
    controls,
    actionTimeoutMs,
    signal: stopping.signal,
  });
  let epoch = 5;

  const execute = async (request: SandboxRequest, nodeUrl: string): Promise<SandboxAnswer> => {
    const body = execution.safeParse(JSON.parse(request.text));
    if (!body.success) return nodeError("the request is malformed");
    const { ipfsId, code, jsParams, authSig } = body.data;
    if (body.data.epoch !== epoch) return nodeError(`the epoch is ${epoch}`);
    const source =
      ipfsId === undefined
        ? Buffer.from(code ?? "", "base64").toString("utf8")
        : actions.get(ipfsId);
    if (source === undefined) return nodeError("the action could not be fetched from IPFS");
    const cid = computeActionCid(source);
    const problem = sessionProblem(authSig, { nodeUrl, actionCid: cid });
    if (problem !== undefined) return nodeError(problem, 401);
    controls.sessions.add(authSig.address);
    if (controls.expiredSessions.has(authSig.address))
      return nodeError("the session has expired", 401);
    await controls.wait(stopping.signal);
    // The key's shares are an epoch's: what begins in one does not end in the next.
    if (body.data.epoch !== epoch) return nodeError(`the epoch is ${epoch}`);
    const outcome = await runAction({
      generation: "v7",
      source,
      jsParams: jsParams ?? {},
      rpcUrls: { localchain: options.chainRpcUrl },
      authSigAddress: authSig.address,
      actionCid: cid,
      timeoutMs: actionTimeoutMs,
      signal: stopping.signal,
    });
    if (controls.denied && "toSign" in outcome)
      return answerOutcome({ ...outcome, toSign: [] }, cid, { pkp, permittedCid: actionCid });
    const signingKey = controls.otherKey
      ? new SigningKey(derivePrivateKey(seed, "other key"))
      : undefined;
    return answerOutcome(outcome, cid, { pkp, permittedCid: actionCid, signingKey });
  };

  const key = (name: string): string => derive(seed, name).toString("hex");
  const blockhash = (): string => `0x${key("block hash")}`;
  const configAt = (url: string): LitSandbox["config"] => ({
    network: "custom",
    rpcUrl: `${url}/rpc`,
    stakingAddress,
    blockhashUrl: `${url}/blockhash`,
    pkpPublicKey: pkp.publicKey,
    actionCid,
  });
  const buildRoutes = ({ url, port }: { readonly url: string; readonly port: number }): Route[] => [
    {
      method: "POST",
      path: "/rpc",
      handle: (request) => {
        const threshold = 1 + controls.missingNodes;
        return answerRpc({ stakingAddress, nodePort: port, epoch, threshold }, request.text);
      },
    },
    {
      method: "GET",
      path: "/blockhash",
      handle: () => ({
        status: 200,
        body: { blockhash: blockhash(), timestamp: String(Math.floor(Date.now() / 1000)) },
      }),
    },
    {
      method: "POST",
      path: "/web/handshake/",
      handle: () => ({
        status: 200,
        body: {
          serverPublicKey: key("server"),
          subnetPublicKey: key("subnet"),
          networkPublicKey: key("network"),
          networkPublicKeySet: key("set"),
          hdRootPubkeys: [`0x02${key("root")}`],
          latestBlockhash: blockhash(),
          attestation: null,
        },
      }),
    },
    { method: "POST", path: "/web/execute/v1", handle: (request) => execute(request, url) },
    {
      method: "GET",
      path: "/__sandbox/config",
      handle: () => ({
        status: 200,
        body: { ...configAt(url), chipotle: chipotle.config(url) },
      }),
    },
    {
      method: "POST",
      path: "/__sandbox/epoch",
      handle: () => ((epoch += 1), { status: 200, body: { epoch } }),
    },
    ...controls.routes(),
    ...chipotle.routes(url),
  ];
  const server = await startServer(options.port, buildRoutes);
  return {
    ...server,
    config: configAt(server.url),
    chipotle: chipotle.config(server.url),
    permitOnChipotle: (cid) => chipotle.permit(cid),
    actionAddress: (cid) => chipotle.actionAddress(cid),
    controls,
    publishAction: (source) => {
      const cid = computeActionCid(source);
      actions.set(cid, source);
      return cid;
    },
    nextEpoch: () => void (epoch += 1),
    stop: async () => {
      stopping.abort();
      await server.stop();
    },
  };
}

/** A node's share of a signature, as nodes word it; with one node it is the whole signature. */
export function signatureShare(
  pkp: SigningKey,
  digestHex: string,
  sigName: string,
): Readonly<Record<string, unknown>> {
  const signature = pkp.sign(`0x${digestHex}`);
  return {
    sigType: "K256",
    shareIndex: 0,
    signatureShare: JSON.stringify(signature.s.slice(2)),
    bigR: JSON.stringify(`${signature.yParity === 0 ? "02" : "03"}${signature.r.slice(2)}`),
    publicKey: JSON.stringify(pkp.publicKey.slice(2)),
    dataSigned: JSON.stringify(digestHex),
    sigName,
  };
}

/** Signs what the action asked for, if the PKP obeys the action. */
function answerOutcome(
  outcome: ActionOutcome,
  cid: string,
  keys: {
    readonly pkp: SigningKey;
    readonly permittedCid: string;
    /** Signs instead of the PKP. */
    readonly signingKey?: SigningKey | undefined;
  },
): SandboxAnswer {
  if ("error" in outcome) return nodeError(`the action failed: ${outcome.error}`);
  const signedData: Record<string, unknown> = {};
  for (const { digestHex, publicKey, sigName } of outcome.toSign) {
    if (cid !== keys.permittedCid)
      return nodeError("the PKP is not permitted to sign for this action");
    if (publicKey.toLowerCase().replace(/^0x/, "") !== keys.pkp.publicKey.slice(2))
      return nodeError("there is no such PKP");
    signedData[sigName] = signatureShare(keys.signingKey ?? keys.pkp, digestHex, sigName);
  }
  return {
    status: 200,
    body: {
      success: true,
      signedData,
      claimData: {},
      decryptedData: {},
      response: outcome.response,
      logs: outcome.logs,
    },
  };
}

function nodeError(message: string, status = 400): SandboxAnswer {
  const errorCode = status === 401 ? "NodeNotAuthorized" : "NodeUnknownError";
  return {
    status,
    body: {
      errorKind: status === 401 ? "Validation" : "Unexpected",
      errorCode,
      status,
      message,
      correlationId: randomUUID(),
      details: [message],
    },
  };
}
