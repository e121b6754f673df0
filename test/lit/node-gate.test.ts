import { jest } from "@jest/globals";
import { id, SigningKey } from "ethers";
import { startLitSandbox, startChainStub } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import { signatureShare } from "../../dev/sandbox/lit/server.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { derivePrivateKey } from "../../dev/sandbox/seed.ts";
import { claimDigest, createAccessGate, readAction } from "../../src/lit/index.ts";
import type { AccessGate } from "../../src/lit/index.ts";
import { outcomeOf, rejectionOf } from "../para/refusals.ts";
import { claimOf, guest, signChallenge, stranger } from "./claims.ts";

// What is particular to v7: epochs, sessions, the network of nodes and its staking contract.

const TIMEOUT_MS = 180_000;

let chain: ChainStub;
let lit: LitSandbox;
let gate: AccessGate;

beforeAll(async () => {
  chain = await startChainStub();
  chain.setOwner(guest.address);
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: TIMEOUT_MS });
  gate = createAccessGate({ ...lit.config, timeoutMs: TIMEOUT_MS });
  await gate.connect();
});
afterEach(() => {
  lit.clearFaults();
  lit.controls.reset();
});
afterAll(async () => {
  await gate.close();
  await lit.stop();
  await chain.stop();
});

async function prove(using: AccessGate = gate, nonce = "f3Xk9Qm2Lw7Rt5Vb"): Promise<unknown> {
  const claim = claimOf({ nonce });
  return using.prove({ claim, userSignature: await signChallenge(claim) });
}

const proveAtOnce = (count: number): Promise<unknown[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => prove(gate, `nonce-at-once-00${index}`)));

describe("heals by itself", () => {
  test("after a new epoch of the network", async () => {
    lit.nextEpoch();
    await expect(prove()).resolves.toBeDefined();
  });

  test("after a new epoch in the middle of a crowd, which shares one fresh connection", async () => {
    await prove();
    const before = lit.controls.sessions.size;
    lit.nextEpoch();
    await expect(proveAtOnce(6)).resolves.toHaveLength(6);
    expect(lit.controls.sessions.size).toBe(before + 1);
  });

  test("and whoever fails late on the old connection leaves the fresh one to the others", async () => {
    await prove();
    const before = lit.controls.sessions.size;
    const onTheOldOne = lit.controls.hold();
    const late = prove(gate, "nonce-of-the-late-1");
    await onTheOldOne.arrived;
    lit.nextEpoch();
    await prove(gate, "nonce-of-the-quick");
    const onTheFreshOne = lit.controls.hold();
    const other = prove(gate, "nonce-of-the-other");
    await onTheFreshOne.arrived;
    onTheOldOne.release();
    await expect(late).resolves.toBeDefined();
    onTheFreshOne.release();
    await expect(other).resolves.toBeDefined();
    expect(lit.controls.sessions.size).toBe(before + 1);
  });

  test("after the nodes forgot the session", async () => {
    await prove();
    lit.controls.change({ expireSessions: true });
    await expect(prove()).resolves.toBeDefined();
  });

  test("after the nodes fell below their threshold and came back", async () => {
    lit.nextEpoch();
    lit.controls.change({ missingNodes: 1 });
    const patient = createAccessGate({ ...lit.config, timeoutMs: 12_000 });
    await expect(outcomeOf(() => prove(patient))).resolves.toBe("retry lit_unavailable 503");
    lit.controls.reset();
    await expect(prove(patient)).resolves.toBeDefined();
    await patient.close();
  });

  test("after the network could not be reached", async () => {
    const gone = await startChainStub();
    await gone.stop();
    const lost = createAccessGate({ ...lit.config, rpcUrl: gone.url, timeoutMs: 3000 });
    await expect(outcomeOf(() => lost.connect())).resolves.toBe("retry lit_unavailable 503");
    expect(lost.ready).toBe(false);
    await lost.close();
  });
});

describe("the session", () => {
  afterEach(() => void jest.restoreAllMocks());

  test("is one for all requests, is renewed before its end, and once for a crowd", async () => {
    const own = createAccessGate({ ...lit.config, timeoutMs: TIMEOUT_MS });
    const before = lit.controls.sessions.size;
    const crowd = (): Promise<unknown> =>
      Promise.all([1, 2, 3, 4].map((one) => prove(own, `nonce-of-crowd-${one}`)));
    await crowd();
    await prove(own);
    expect(lit.controls.sessions.size).toBe(before + 1);
    // Thirteen minutes later the session has two left.
    const claim = claimOf();
    const userSignature = await signChallenge(claim);
    const laterMs = Date.now() + 13 * 60_000;
    jest.spyOn(Date, "now").mockReturnValue(laterMs);
    await Promise.all([1, 2, 3, 4].map(() => own.prove({ claim, userSignature })));
    expect(lit.controls.sessions.size).toBe(before + 2);
    await own.close();
  });
});

describe("the PKP", () => {
  test("does not sign for an action that is not pinned", async () => {
    const actionCid = "QmUjX8MW6StQ7NKNdaS6g4RMkvN5hcgtKmEi8Mca6oX4t3";
    const other = createAccessGate({ ...lit.config, actionCid, timeoutMs: TIMEOUT_MS });
    await expect(outcomeOf(() => prove(other))).resolves.toBe("retry lit_unavailable 503");
    await other.close();
  });

  test("does not sign for another action, even one that would let the stranger in", async () => {
    const source = readAction();
    const lax = source.replace('"not_the_owner"', "undefined");
    expect(lax).not.toBe(source);
    const other = createAccessGate({
      ...lit.config,
      actionCid: lit.publishAction(lax),
      timeoutMs: TIMEOUT_MS,
    });
    const claim = claimOf({ user: stranger.address });
    await expect(
      outcomeOf(async () =>
        other.prove({ claim, userSignature: await signChallenge(claim, stranger) }),
      ),
    ).resolves.toBe("retry lit_unavailable 503");
    await other.close();
  });
});

test.each([
  ["another key", new SigningKey(id("evil")), () => claimDigest(claimOf()).slice(2)],
  ["another claim", undefined, () => claimDigest(claimOf({ tokenId: "8" })).slice(2)],
])("nodes that sign with or for %s are not believed", async (_name, evilKey, digest) => {
  const key = evilKey ?? new SigningKey(derivePrivateKey("lit sandbox", "pkp"));
  const signedData = { access: signatureShare(key, digest(), "access") };
  const body = { success: true, signedData, claimData: {}, response: "{}", logs: "" };
  lit.addFault({ path: "/web/execute/v1", mode: "body", body });
  const error = await rejectionOf(() => prove());
  expect([error.code, error.status]).toEqual(["lit_bad_answer", 502]);
  expect(error.message).toContain("a proof that does not hold");
});

test("a node that answers in another shape is an outage", async () => {
  lit.addFault({ path: "/web/execute/v1", mode: "body", body: { success: true } });
  await expect(outcomeOf(() => prove())).resolves.toBe("retry lit_unavailable 503");
});

test("settings that cannot work are told as such", async () => {
  const { rpcUrl: _rpcUrl, ...incomplete } = lit.config;
  await expect(
    outcomeOf(() => createAccessGate({ ...incomplete, timeoutMs: 1000 }).connect()),
  ).resolves.toBe("refuse lit_configuration 500");
});
