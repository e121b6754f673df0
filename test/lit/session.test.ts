import { Wallet } from "ethers";
import { z } from "zod";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { createNodeClient, disconnectNodeClient } from "../../src/lit/node-client.ts";
import { openSession } from "../../src/lit/session-sigs.ts";
import type { SessionSigs } from "../../src/lit/session-sigs.ts";
import { withQuietConsole } from "../../src/para/quiet-console.ts";
import { startLitSandbox } from "../support/sandboxes.ts";

// The sandbox's node must refuse what real nodes refuse, or our tests against it prove nothing.

type SessionSig = SessionSigs[string];

let lit: LitSandbox;
let sessionSig: SessionSig;
let otherSig: SessionSig;

beforeAll(async () => {
  lit = await startLitSandbox({ chainRpcUrl: "http://127.0.0.1:1" });
  const client = createNodeClient({ ...lit.config, timeoutMs: 20_000 });
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
