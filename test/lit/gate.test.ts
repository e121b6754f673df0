import { readFileSync } from "node:fs";
import { id, SigningKey } from "ethers";
import { startLitSandbox, startChainStub } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import { signatureShare } from "../../dev/sandbox/lit/server.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { derivePrivateKey } from "../../dev/sandbox/seed.ts";
import { claimDigest, createAccessGate, verifyProof } from "../../src/lit/index.ts";
import type { AccessGate } from "../../src/lit/index.ts";
import { outcomeOf, rejectionOf } from "../para/refusals.ts";
import { claimOf, guest, signChallenge, stranger } from "./claims.ts";

const TIMEOUT_MS = 30_000;

let chain: ChainStub;
let lit: LitSandbox;
let gate: AccessGate;

beforeAll(async () => {
  chain = await startChainStub();
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: TIMEOUT_MS });
  gate = createAccessGate({ ...lit.config, timeoutMs: TIMEOUT_MS });
  await gate.connect();
});
beforeEach(() => {
  chain.setOwner(guest.address);
  chain.setChainId(31_337);
});
afterEach(() => {
  lit.clearFaults();
  chain.clearFaults();
});
afterAll(async () => {
  await gate.close();
  await lit.stop();
  await chain.stop();
});

test("the owner of the pass gets a proof that holds", async () => {
  expect(gate.ready).toBe(true);
  const claim = claimOf();
  const proof = await gate.prove({ claim, userSignature: await signChallenge(claim) });
  expect(() => verifyProof({ claim, proof, pkpPublicKey: lit.config.pkpPublicKey })).not.toThrow();
});

describe("no proof", () => {
  test("for somebody who does not own the pass", async () => {
    chain.setOwner(stranger.address);
    const claim = claimOf();
    await expect(
      outcomeOf(async () => gate.prove({ claim, userSignature: await signChallenge(claim) })),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for a pass that does not exist (burned, or not yet minted)", async () => {
    chain.setOwner(undefined);
    const claim = claimOf();
    await expect(
      outcomeOf(async () => gate.prove({ claim, userSignature: await signChallenge(claim) })),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for the owner's name on a stranger's signature", async () => {
    const claim = claimOf();
    await expect(
      outcomeOf(async () =>
        gate.prove({ claim, userSignature: await signChallenge(claim, stranger) }),
      ),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for the owner who claims to be somebody else", async () => {
    const claim = claimOf({ user: stranger.address });
    await expect(
      outcomeOf(async () =>
        gate.prove({ claim, userSignature: await signChallenge(claim, guest) }),
      ),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for a stranger who owns nothing and says so truly", async () => {
    const claim = claimOf({ user: stranger.address });
    await expect(
      outcomeOf(async () =>
        gate.prove({ claim, userSignature: await signChallenge(claim, stranger) }),
      ),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test.each(["0x", "garbage", `0x${"00".repeat(65)}`])(
    "for the signature %s",
    async (userSignature) => {
      await expect(outcomeOf(() => gate.prove({ claim: claimOf(), userSignature }))).resolves.toBe(
        "refuse lit_denied 403",
      );
    },
  );

  test.each([
    ["another meeting", { meetingId: "another" }],
    ["another token", { tokenId: "8" }],
    ["another service", { domain: "elsewhere.example" }],
    ["another nonce", { nonce: "another-nonce-16" }],
  ])("for a signature on the challenge of %s", async (_name, changes) => {
    const userSignature = await signChallenge(claimOf(changes));
    await expect(outcomeOf(() => gate.prove({ claim: claimOf(), userSignature }))).resolves.toBe(
      "refuse lit_denied 403",
    );
  });

  test.each([
    ["has expired", -1],
    ["lives too long", 3600],
  ])("for a challenge that %s", async (_name, lifetimeS) => {
    const claim = claimOf({ expiresAtS: Math.floor(Date.now() / 1000) + lifetimeS });
    await expect(
      outcomeOf(async () => gate.prove({ claim, userSignature: await signChallenge(claim) })),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for a chain that the action does not know", async () => {
    const claim = claimOf({ chainId: 4242 });
    await expect(
      outcomeOf(async () => gate.prove({ claim, userSignature: await signChallenge(claim) })),
    ).resolves.toBe("refuse lit_denied 403");
  });

  test("for a claim that is not well formed", async () => {
    const userSignature = await signChallenge(claimOf());
    await expect(
      outcomeOf(() =>
        gate.prove({ claim: claimOf({ user: guest.address.toLowerCase() }), userSignature }),
      ),
    ).resolves.toBe("refuse lit_claim_malformed 422");
  });
});

describe("trouble that may pass", () => {
  async function proveAgain(using: AccessGate): Promise<string> {
    const claim = claimOf();
    return outcomeOf(async () => using.prove({ claim, userSignature: await signChallenge(claim) }));
  }

  test("the node cannot ask the chain", async () => {
    chain.addFault({ path: "*", mode: "reset" });
    await expect(proveAgain(gate)).resolves.toBe("retry lit_unavailable 503");
  });

  test("the node's RPC serves another chain", async () => {
    chain.setChainId(1);
    await expect(proveAgain(gate)).resolves.toBe("retry lit_unavailable 503");
  });

  test.each([
    ["errors", { mode: "status", status: 500 }],
    ["talks nonsense", { mode: "garbage" }],
    ["drops the connection", { mode: "reset" }],
    ["answers in another shape", { mode: "body", body: { success: true } }],
  ] as const)("the node %s", async (_name, fault) => {
    lit.addFault({ path: "/web/execute/v1", ...fault });
    await expect(proveAgain(gate)).resolves.toBe("retry lit_unavailable 503");
    lit.clearFaults();
    const claim = claimOf();
    await expect(
      gate.prove({ claim, userSignature: await signChallenge(claim) }),
    ).resolves.toBeDefined();
  });

  test("the node hangs", async () => {
    const impatient = createAccessGate({ ...lit.config, timeoutMs: 500 });
    lit.addFault({ path: "/web/execute/v1", mode: "hang" });
    await expect(proveAgain(impatient)).resolves.toBe("retry lit_unavailable 503");
    await impatient.close();
  });

  test("the network cannot be reached", async () => {
    const gone = await startChainStub();
    await gone.stop();
    const lost = createAccessGate({ ...lit.config, rpcUrl: gone.url, timeoutMs: 3000 });
    await expect(outcomeOf(() => lost.connect())).resolves.toBe("retry lit_unavailable 503");
    expect(lost.ready).toBe(false);
    await lost.close();
  });

  test("a new epoch of the network heals by itself", async () => {
    lit.nextEpoch();
    const claim = claimOf();
    await expect(
      gate.prove({ claim, userSignature: await signChallenge(claim) }),
    ).resolves.toBeDefined();
  });
});

describe("the PKP", () => {
  test("does not sign for an action that is not pinned", async () => {
    const other = createAccessGate({
      ...lit.config,
      actionCid: "QmUjX8MW6StQ7NKNdaS6g4RMkvN5hcgtKmEi8Mca6oX4t3",
      timeoutMs: TIMEOUT_MS,
    });
    await expect(
      outcomeOf(async () =>
        other.prove({ claim: claimOf(), userSignature: await signChallenge(claimOf()) }),
      ),
    ).resolves.toBe("retry lit_unavailable 503");
    await other.close();
  });

  test("does not sign for another action, even one that would let the stranger in", async () => {
    const source = readFileSync(
      new URL("../../contracts/lit/access-action.js", import.meta.url),
      "utf8",
    );
    const lax = source.replace("if ((await ownerOf(claim)) !== signer)", "if (false)");
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

  test("of somebody else is not taken for ours", async () => {
    const impostor = await startLitSandbox({ chainRpcUrl: chain.url, seed: "impostor" });
    const fooled = createAccessGate({
      ...impostor.config,
      pkpPublicKey: lit.config.pkpPublicKey,
      timeoutMs: TIMEOUT_MS,
    });
    const claim = claimOf();
    await expect(
      outcomeOf(async () => fooled.prove({ claim, userSignature: await signChallenge(claim) })),
    ).resolves.toBe("retry lit_unavailable 503");
    await fooled.close();
    await impostor.stop();
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
  const claim = claimOf();
  const error = await rejectionOf(async () =>
    gate.prove({ claim, userSignature: await signChallenge(claim) }),
  );
  expect(error.code).toBe("lit_unavailable");
  expect(error.message).toContain("a proof that does not hold");
});

test("settings that cannot work are told as such", async () => {
  const { rpcUrl: _rpcUrl, ...incomplete } = lit.config;
  await expect(
    outcomeOf(() => createAccessGate({ ...incomplete, timeoutMs: 1000 }).connect()),
  ).resolves.toBe("refuse lit_configuration 500");
});
