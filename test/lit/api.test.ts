import type { AccessGate } from "../../src/lit/index.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
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
import { startChainStub, startLitSandbox } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import { getAddress } from "ethers";
import { computeActionCid, pinAction, readAction } from "../../src/lit/index.ts";
import { PROVIDERS } from "./providers.ts";

// The door with Lit behind it, as it is in production: HTTP, the real database, the real gate, the action in a process of
// its own. Both flows, over both providers.

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

describe.each(PROVIDERS)("over $name", (provider) => {
  let gate: AccessGate;
  let api: TestApi;
  let host: Person;
  let winner: Person;

  beforeAll(async () => {
    const source = pinAction(readAction(), {
      chainId: 31_337,
      contract: getAddress(PASS_CONTRACT),
      rpcUrls: [chain.url],
    });
    const actionCid = computeActionCid(source);
    lit.permitOnChipotle(actionCid);
    gate = await provider.gate(
      lit,
      chain.url,
      provider.executePath.startsWith("/core") ? { actionSource: source, actionCid } : {},
    );
    const config = testConfig({ LIT_PKP_PUBLIC_KEY: lit.config.pkpPublicKey });
    api = await world.start({ config, gate, reader: new FakeReader() });
    [host, winner] = [await api.person(), await api.person()];
  });
  afterAll(() => gate.close());

  async function challenge(meetingId: string) {
    const { body } = await api.request(`/api/meetings/${meetingId}/challenge`, {
      method: "POST",
      token: winner.token,
    });
    const userSignature = await winner.wallet.signMessage(body.message);
    return { nonce: body.challenge as string, claim: body.claim, userSignature };
  }

  const enter = (meetingId: string, json: object) =>
    api.request(`/api/meetings/access/${meetingId}`, { token: winner.token, json });

  test("the backend runs the action", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    chain.setOwner(winner.wallet.address);
    const { nonce, userSignature } = await challenge(meetingId);
    const answer = await enter(meetingId, { challenge: nonce, signature: userSignature });
    expect([answer.status, answer.body.role]).toEqual([200, "winner"]);
  });

  test("the client runs the action, and hands in the proof", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    chain.setOwner(winner.wallet.address);
    const { nonce, claim, userSignature } = await challenge(meetingId);
    const litProof = await gate.prove({ claim, userSignature });
    const answer = await enter(meetingId, { challenge: nonce, litProof });
    expect([answer.status, answer.body.role]).toEqual([200, "winner"]);
    const again = await enter(meetingId, { challenge: nonce, litProof });
    expect(again.body).toMatchObject({ status: 409, code: "challenge_spent" });
  });

  test("two must agree: what Lit sees on its chain is not what we see on ours", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    chain.setOwner(host.wallet.address);
    const { nonce, userSignature } = await challenge(meetingId);
    const answer = await enter(meetingId, { challenge: nonce, signature: userSignature });
    expect(answer.body).toMatchObject({ status: 403, code: "access_denied" });
  });

  test("Lit fails, and the same challenge opens the door when it is back", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    chain.setOwner(winner.wallet.address);
    const { nonce, userSignature } = await challenge(meetingId);
    lit.addFault({ path: provider.executePath, mode: "status", status: 500 });
    const away = await enter(meetingId, { challenge: nonce, signature: userSignature });
    expect([away.status, away.body.code, away.headers.get("retry-after")]).toEqual([
      503,
      "lit_unavailable",
      "5",
    ]);
    lit.clearFaults();
    const back = await enter(meetingId, { challenge: nonce, signature: userSignature });
    expect(back.status).toBe(200);
  });
});
