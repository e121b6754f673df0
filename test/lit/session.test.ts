import { generateKeyPairSync, sign } from "node:crypto";
import {
  createSiweMessageWithRecaps,
  generateAuthSig,
  LitActionResource,
  LitPKPResource,
} from "@lit-protocol/auth-helpers";
import { LIT_ABILITY } from "@lit-protocol/constants";
import { Wallet } from "ethers";
import { z } from "zod";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { createNodeClient, disconnectNodeClient } from "../../src/lit/node-client.ts";
import { openSession } from "../../src/lit/session-sigs.ts";
import type { SessionSigs } from "../../src/lit/session-sigs.ts";
import { withQuietConsole } from "../../src/outside/quiet-console.ts";
import { startLitSandbox } from "../support/sandboxes.ts";

// The sandbox's node must refuse what real nodes refuse, or our tests against it prove nothing.

type SessionSig = SessionSigs[string];

let lit: LitSandbox;
let sessionSig: SessionSig;
let otherSig: SessionSig;

beforeAll(async () => {
  lit = await startLitSandbox({ chainRpcUrl: "http://127.0.0.1:1" });
  const client = await createNodeClient({ ...lit.config, timeoutMs: 180_000 });
  await client.connect();
  const wallet = new Wallet(Wallet.createRandom().privateKey);
  const only = async (): Promise<SessionSig> => {
    const sig = (await withQuietConsole(() => openSession(client, wallet, "localhost"))).sigs[
      lit.url
    ];
    if (sig === undefined) throw new Error("no signature for the node");
    return sig;
  };
  [sessionSig, otherSig] = [await only(), await only()];
  await disconnectNodeClient(client);
});
afterAll(() => lit.stop());

async function execute(changes: {
  readonly authSig?: unknown;
  readonly epoch?: number;
  readonly jsParams?: object;
}): Promise<{ status: number; message: string }> {
  const body = {
    ipfsId: lit.config.actionCid,
    jsParams: { accessClaim: {}, userSignature: "", publicKey: "" },
    authSig: sessionSig,
    epoch: 5,
    ...changes,
  };
  const response = await fetch(`${lit.url}/web/execute/v1`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const { message = "" } = z
    .object({ message: z.string().optional() })
    .parse(await response.json());
  return { status: response.status, message };
}

test("a session as the SDK makes it is accepted", async () => {
  await expect(execute({})).resolves.toEqual({ status: 200, message: "" });
});

test.each([
  [
    "unsigned changes",
    () => ({
      ...sessionSig,
      signedMessage: sessionSig.signedMessage.replace('"expiration":"2', '"expiration":"9'),
    }),
    "does not verify",
  ],
  ["another session's signature", () => ({ ...sessionSig, sig: otherSig.sig }), "does not verify"],
  [
    "another session's key",
    () => ({ ...sessionSig, address: otherSig.address }),
    "does not verify",
  ],
  ["another algorithm", () => ({ ...sessionSig, algo: "LIT_BLS" }), "not a session signature"],
  ["nothing in it", () => ({ address: "" }), "malformed"],
])("a session with %s is refused", async (_name, forge, message) => {
  const answer = await execute({ authSig: forge() });
  expect(answer.status).toBe(401);
  expect(answer.message).toContain(message);
});

/** A session made by hand, so that nothing stops it from being wrong. */
async function handmade(
  changes: {
    nodeAddress?: string;
    expiration?: string;
    uri?: string;
    walletExpiration?: string;
  } = {},
): Promise<SessionSig> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  const sessionKey = Buffer.from(x, "base64url").toString("hex");
  const wallet = new Wallet(Wallet.createRandom().privateKey);
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const resources = [
    { resource: new LitActionResource("*"), ability: LIT_ABILITY.LitActionExecution },
    { resource: new LitPKPResource("*"), ability: LIT_ABILITY.PKPSigning },
  ];
  const toSign = await createSiweMessageWithRecaps({
    uri: changes.uri ?? `lit:session:${sessionKey}`,
    expiration: changes.walletExpiration ?? inAnHour,
    nonce: "nonce1234",
    resources,
    walletAddress: wallet.address,
    // Asked for, though never connected: the recap is made here.
    litNodeClient: await createNodeClient({ ...lit.config, timeoutMs: 180_000 }),
  });
  const signedMessage = JSON.stringify({
    sessionKey,
    resourceAbilityRequests: resources,
    capabilities: [await generateAuthSig({ signer: wallet, toSign })],
    issuedAt: new Date().toISOString(),
    expiration: changes.expiration ?? inAnHour,
    nodeAddress: changes.nodeAddress ?? lit.url,
  });
  const sig = sign(null, Buffer.from(signedMessage), privateKey).toString("hex");
  return {
    sig,
    derivedVia: "litSessionSignViaNacl",
    signedMessage,
    address: sessionKey,
    algo: "ed25519",
  };
}

test("a session made by hand is accepted when it is right", async () => {
  await expect(execute({ authSig: await handmade() })).resolves.toMatchObject({ status: 200 });
});

test.each([
  ["another node", { nodeAddress: "http://127.0.0.1:1" }, "is for the node"],
  ["the past", { expiration: "2020-01-01T00:00:00.000Z" }, "has expired"],
  ["another session key", { uri: "lit:session:00" }, "another session key"],
  ["a wallet's past", { walletExpiration: "2020-01-01T00:00:00.000Z" }, "capability has expired"],
])("a session for %s is refused", async (_name, changes, message) => {
  const answer = await execute({ authSig: await handmade(changes) });
  expect(answer.status).toBe(401);
  expect(answer.message).toContain(message);
});

test("a request of an old epoch is refused", async () => {
  await expect(execute({ epoch: 4 })).resolves.toEqual({ status: 400, message: "the epoch is 5" });
});

test("an action that breaks on its parameters says so and signs nothing", async () => {
  const answer = await execute({ jsParams: {} });
  expect(answer.status).toBe(400);
  expect(answer.message).toContain("the action failed");
});

test("parameters cannot take the place of the node's own names", async () => {
  const answer = await execute({
    jsParams: { accessClaim: {}, userSignature: "", publicKey: "", Lit: {}, ethers: {} },
  });
  expect(answer).toEqual({ status: 200, message: "" });
});
