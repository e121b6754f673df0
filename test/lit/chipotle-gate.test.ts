import { computeAddress, id, SigningKey } from "ethers";
import { startLitSandbox, startChainStub } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import {
  claimDigest,
  computeActionCid,
  createAccessGate,
  readAction,
  verifyProof,
} from "../../src/lit/index.ts";
import type { AccessGateOptions } from "../../src/lit/index.ts";
import { outcomeOf, rejectionOf } from "../para/refusals.ts";
import { claimOf, guest, signChallenge } from "./claims.ts";
import { chipotleOptions } from "./providers.ts";

// What is particular to Chipotle: the API key and its group, the inline text, the pinned deployment.

let chain: ChainStub;
let lit: LitSandbox;
let good: AccessGateOptions;

beforeAll(async () => {
  chain = await startChainStub();
  chain.setOwner(guest.address);
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: 180_000 });
  good = chipotleOptions(lit, chain.url);
});
afterEach(() => {
  lit.clearFaults();
  lit.controls.reset();
});
afterAll(async () => {
  await lit.stop();
  await chain.stop();
});

async function prove(changes: Partial<AccessGateOptions> = {}, claim = claimOf()) {
  const gate = createAccessGate({ ...good, ...changes });
  try {
    return await gate.prove({ claim, userSignature: await signChallenge(claim) });
  } finally {
    await gate.close();
  }
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${lit.url}/core/v1/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

test("the action's own key can sign instead of a PKP, and is known by its address", async () => {
  const pkpPublicKey = lit.actionAddress(good.actionCid);
  const claim = claimOf();
  const proof = await prove({ signer: "action", pkpPublicKey }, claim);
  expect(computeAddress(proof.publicKey)).toBe(pkpPublicKey);
  expect(() => verifyProof({ claim, proof, pkpPublicKey })).not.toThrow();
  expect(() => verifyProof({ claim, proof, pkpPublicKey: good.pkpPublicKey })).toThrow(
    "another key",
  );
});

test.each([
  ["an API key that is unknown", { apiKey: "wrong" }, "Permit LIT_ACTION_IPFS_CID"],
  ["a PKP of another account", { pkpPublicKey: guest.address }, "status 500"],
])("%s is an outage, told to whoever runs this", async (_name, changes, message) => {
  const error = await rejectionOf(() => prove(changes));
  expect(`${error.kind} ${error.code} ${error.status}`).toBe("retry lit_unavailable 503");
  expect(error.message).toContain(message);
  expect(error.message).not.toContain(good.apiKey);
});

test("an account without credit is an outage, told to whoever runs this", async () => {
  lit.controls.change({ outOfCredit: true });
  expect((await rejectionOf(() => prove())).message).toContain("out of credit");
});

test("the group decides which actions our key may run", async () => {
  const actionSource = `${good.actionSource}\n// another edition`;
  const other = { actionSource, actionCid: computeActionCid(actionSource) };
  await expect(outcomeOf(() => prove(other))).resolves.toBe("retry lit_unavailable 503");
  const request = { group_id: lit.chipotle.groupId, action_ipfs_cid: other.actionCid };
  const refused = await post("add_action_to_group", request, { "x-api-key": good.apiKey ?? "" });
  expect(refused.status).toBe(403);
  const added = await post("add_action_to_group", request, {
    authorization: `Bearer ${lit.chipotle.accountKey}`,
  });
  expect([added.status, await added.json()]).toEqual([200, { success: true }]);
  await expect(prove(other)).resolves.toBeDefined();
});

test("an action without a deployment in it never signs", async () => {
  const actionSource = readAction();
  const actionCid = computeActionCid(actionSource);
  lit.permitOnChipotle(actionCid);
  await expect(outcomeOf(() => prove({ actionSource, actionCid }))).resolves.toBe(
    "refuse lit_denied 403",
  );
});

test.each([
  ["another contract", { contract: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" }],
  ["another chain", { chainId: 1 }],
])("a good claim about %s than the action's is refused", async (_name, changes) => {
  // The chain would say yes: the guest owns that token too.
  await expect(outcomeOf(() => prove({}, claimOf(changes)))).resolves.toBe("refuse lit_denied 403");
});

test("the second RPC is asked when the first does not answer", async () => {
  const gone = await startChainStub();
  await gone.stop();
  const { chainId, contract } = claimOf();
  const actionSource = readAction().replace(
    "const PINNED = undefined;",
    `const PINNED = ${JSON.stringify({ chainId, contract, rpcUrls: [gone.url, chain.url] })};`,
  );
  const actionCid = computeActionCid(actionSource);
  lit.permitOnChipotle(actionCid);
  await expect(prove({ actionSource, actionCid })).resolves.toBeDefined();
});

describe("an answer of Chipotle", () => {
  const answering = (response: unknown, rest: object = { logs: "", has_error: false }) =>
    lit.addFault({ path: "/core/v1/lit_action", mode: "body", body: { response, ...rest } });
  const sign = (key: SigningKey, digest: string) => ({
    signature: key.sign(digest).serialized,
    publicKey: key.publicKey,
    dataSigned: digest,
  });
  const claim = claimOf();
  const evil = new SigningKey(id("evil"));

  test.each([
    ["that grants without a signature", { granted: true }, "retry lit_bad_answer 502"],
    ["that says yes in words", "granted", "retry lit_bad_answer 502"],
    ["that is empty", "", "retry lit_bad_answer 502"],
    ["that is null", null, "retry lit_bad_answer 502"],
    [
      "signed by another key",
      { granted: true, ...sign(evil, claimDigest(claim)) },
      "retry lit_bad_answer 502",
    ],
    [
      "signed by another key under our key's name",
      {
        granted: true,
        ...sign(evil, claimDigest(claim)),
        publicKey: new SigningKey(id("x")).publicKey,
      },
      "retry lit_bad_answer 502",
    ],
    [
      "that says no, though it has a signature",
      { granted: false, ...sign(evil, claimDigest(claim)) },
      "refuse lit_denied 403",
    ],
  ])("%s opens no door", async (_name, response, outcome) => {
    answering(response);
    await expect(outcomeOf(() => prove({}, claim))).resolves.toBe(outcome);
  });

  test("with an error is an outage, whatever else it says", async () => {
    const proof = await prove({}, claim);
    answering({ granted: true, ...proof }, { logs: "", has_error: true });
    await expect(outcomeOf(() => prove({}, claim))).resolves.toBe("retry lit_unavailable 503");
  });

  test("that is longer than any answer of it can be is not read", async () => {
    answering("x".repeat(300_000));
    await expect(outcomeOf(() => prove())).resolves.toBe("retry lit_unavailable 503");
  });
});

describe("settings that cannot work are told as such", () => {
  test.each([
    ["no API key", { apiKey: undefined }],
    ["no text of the action", { actionSource: undefined }],
    ["a text that is not the CID's", { actionSource: "async function main() {}" }],
    ["a key that is none", { pkpPublicKey: "0x04" }],
  ])("%s", async (_name, changes) => {
    const options = { ...good, ...changes } as AccessGateOptions;
    await expect(outcomeOf(() => createAccessGate(options))).resolves.toBe(
      "refuse lit_configuration 500",
    );
  });

  test("a service that computes CIDs in another way", async () => {
    lit.addFault({ path: "/core/v1/get_lit_action_ipfs_id", mode: "body", body: "QmOther" });
    const gate = createAccessGate(good);
    await expect(outcomeOf(() => gate.connect())).resolves.toBe("refuse lit_configuration 500");
    expect(gate.ready).toBe(false);
  });
});

test("the sandbox refuses a request without a key as the service does", async () => {
  expect((await post("lit_action", { code: "1" })).status).toBe(401);
  expect((await post("lit_action", { ipfs_id: "Qm" }, { "x-api-key": "any" })).status).toBe(400);
});
