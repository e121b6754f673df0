// A client that runs the action by itself, with nothing but what the API tells it: the examples of docs/lit.md.
import {
  createSiweMessageWithRecaps,
  generateAuthSig,
  LitActionResource,
  LitPKPResource,
} from "@lit-protocol/auth-helpers";
import { LIT_ABILITY } from "@lit-protocol/constants";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { getAddress } from "ethers";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { computeActionCid, pinAction, readAction } from "../../src/lit/index.ts";
import { createNodeClient, disconnectNodeClient } from "../../src/lit/node-client.ts";
import { withQuietConsole } from "../../src/outside/quiet-console.ts";
import {
  createTestWorld,
  FakeReader,
  PASS_CONTRACT,
  type Person,
  seedSold,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { type ChainStub, startChainStub, startLitSandbox } from "../support/sandboxes.ts";

let world: TestWorld;
let chain: ChainStub;
let lit: LitSandbox;

beforeAll(async () => {
  [world, chain] = await Promise.all([createTestWorld(), startChainStub()]);
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: 180_000 });
});
afterAll(async () => {
  await lit.stop();
  await chain.stop();
  await world.close();
});

interface Scene {
  readonly api: TestApi;
  readonly winner: Person;
  readonly meetingId: string;
}

/** What a client knows before it turns to Lit. */
async function atTheDoor(changes: Record<string, string>): Promise<
  Scene & {
    readonly challenge: string;
    readonly action: {
      readonly code: string;
      readonly ipfsCid: string;
      readonly publicKey: string;
    };
    readonly parameters: { readonly accessClaim: object; readonly userSignature: string };
  }
> {
  const api = await world.start({ config: testConfig(changes), reader: new FakeReader() });
  const [host, winner] = [await api.person(), await api.person()];
  const { meetingId } = await seedSold(api, host, winner);
  chain.setOwner(winner.wallet.address);
  const { body: action } = await api.request("/api/meta/lit-action", {});
  expect(computeActionCid(action.code)).toBe(action.ipfsCid);
  const { body } = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: winner.token,
  });
  const userSignature = await winner.wallet.signMessage(body.message);
  const parameters = { accessClaim: body.claim, userSignature };
  return { api, winner, meetingId, challenge: body.challenge, action, parameters };
}

async function expectEntry(scene: Scene, challenge: string, litProof: unknown): Promise<void> {
  const { api, winner, meetingId } = scene;
  const json = { challenge, litProof };
  const answer = await api.request(`/api/meetings/access/${meetingId}`, {
    token: winner.token,
    json,
  });
  expect(answer.body).toMatchObject({ role: "winner" });
  expect(answer.status).toBe(200);
}

test("over Chipotle, with an account of its own", async () => {
  const { apiKey, apiUrl, pkpAddress } = lit.chipotle;
  const { code, cid } = pinned();
  lit.permitOnChipotle(cid);
  const door = await atTheDoor({
    LIT_NETWORK: "chipotle",
    LIT_API_KEY: apiKey,
    LIT_ACTION_RPC_URL: chain.url,
    LIT_ACTION_IPFS_CID: cid,
    LIT_PKP_PUBLIC_KEY: pkpAddress,
  });
  expect(door.action.code).toBe(code);

  const answer = await fetch(`${apiUrl}/core/v1/lit_action`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": apiKey },
    body: JSON.stringify({
      code: door.action.code,
      js_params: { ...door.parameters, pkpId: door.action.publicKey },
    }),
  });
  const { response } = (await answer.json()) as { response: { granted: boolean } };
  const { granted, ...litProof } = response;
  expect(granted).toBe(true);
  await expectEntry(door, door.challenge, litProof);
});

test("over v7 nodes, with a session of its own", async () => {
  const door = await atTheDoor({ LIT_PKP_PUBLIC_KEY: lit.config.pkpPublicKey });
  const { wallet } = door.winner;
  const client = await createNodeClient({ ...lit.config, timeoutMs: 180_000 });
  try {
    await client.connect();
    const resources = [
      { resource: new LitActionResource("*"), ability: LIT_ABILITY.LitActionExecution },
      { resource: new LitPKPResource("*"), ability: LIT_ABILITY.PKPSigning },
    ];
    const sessionSigs = await withQuietConsole(async () =>
      client.getSessionSigs({
        chain: "ethereum",
        expiration: new Date(Date.now() + 10 * 60_000).toISOString(),
        resourceAbilityRequests: resources,
        authNeededCallback: async ({ expiration = "", uri = "", nonce }) =>
          generateAuthSig({
            signer: wallet,
            toSign: await createSiweMessageWithRecaps({
              uri,
              expiration,
              nonce,
              domain: "localhost",
              resources,
              walletAddress: wallet.address,
              litNodeClient: client,
            }),
          }),
      }),
    );
    const { signatures } = await withQuietConsole(async () =>
      client.executeJs({
        ipfsId: door.action.ipfsCid,
        sessionSigs,
        jsParams: { ...door.parameters, publicKey: door.action.publicKey },
      }),
    );
    // As the SDK gives it, r, s and recid included.
    expect(signatures["access"]).toMatchObject({
      r: expect.any(String),
      recid: expect.any(Number),
    });
    await expectEntry(door, door.challenge, signatures["access"]);
  } finally {
    await disconnectNodeClient(client);
  }
});

/** The action as Chipotle wants it: with the deployment in its text. */
function pinned(): { readonly code: string; readonly cid: string } {
  const contract = getAddress(PASS_CONTRACT);
  const code = pinAction(readAction(), { chainId: 31_337, contract, rpcUrls: [chain.url] });
  return { code, cid: computeActionCid(code) };
}
