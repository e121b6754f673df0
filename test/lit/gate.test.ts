import { Wallet } from "ethers";
import { startLitSandbox, startChainStub } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { verifyProof } from "../../src/lit/index.ts";
import type { AccessClaim, AccessGate } from "../../src/lit/index.ts";
import { outcomeOf, rejectionOf } from "../para/refusals.ts";
import { claimOf, guest, signChallenge, stranger } from "./claims.ts";
import { PROVIDERS } from "./providers.ts";

// What every way of running the action must do. Of a refused claim only one thing is wrong.

let chain: ChainStub;
let lit: LitSandbox;

beforeAll(async () => {
  chain = await startChainStub();
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: 180_000 });
});
beforeEach(() => {
  chain.setOwner(guest.address);
  chain.setChainId(31_337);
  chain.setContractWallet(undefined);
});
afterEach(() => {
  lit.clearFaults();
  lit.controls.reset();
  chain.clearFaults();
});
afterAll(async () => {
  await lit.stop();
  await chain.stop();
});

describe.each(PROVIDERS)("over $name", (provider) => {
  let gate: AccessGate;
  const extra: AccessGate[] = [];

  async function another(changes: Parameters<typeof provider.gate>[2]): Promise<AccessGate> {
    const made = await provider.gate(lit, chain.url, changes);
    extra.push(made);
    return made;
  }

  beforeAll(async () => {
    gate = await provider.gate(lit, chain.url);
    await gate.connect();
  });
  afterEach(async () => {
    for (const one of extra.splice(0)) await one.close();
  });
  afterAll(() => gate.close());

  const prove = async (claim: AccessClaim, wallet: Wallet = guest, using = gate): Promise<string> =>
    outcomeOf(async () =>
      using.prove({ claim, userSignature: await signChallenge(claim, wallet) }),
    );

  async function expectProof(using: AccessGate = gate): Promise<void> {
    const claim = claimOf();
    const proof = await using.prove({ claim, userSignature: await signChallenge(claim) });
    const { pkpPublicKey } = lit.config;
    expect(() => verifyProof({ claim, proof, pkpPublicKey })).not.toThrow();
  }

  test("the owner of the pass gets a proof that holds", async () => {
    expect(gate.ready).toBe(true);
    await expectProof();
  });

  test("a contract wallet that owns the pass signs as a contract does (EIP-1271)", async () => {
    const address = "0x00000000000000000000000000000000C0FFEE00";
    const claim = claimOf({ user: Wallet.createRandom().address });
    chain.setOwner(claim.user);
    const userSignature = "0x" + "ab".repeat(70);
    chain.setContractWallet({ address, signature: userSignature });
    await expect(outcomeOf(() => gate.prove({ claim, userSignature }))).resolves.toBe(
      "refuse lit_denied 403",
    );
    chain.setContractWallet({ address: claim.user, signature: userSignature });
    await expect(gate.prove({ claim, userSignature })).resolves.toBeDefined();
    await expect(
      outcomeOf(() => gate.prove({ claim, userSignature: "0x" + "cd".repeat(70) })),
    ).resolves.toBe("refuse lit_denied 403");
  });

  describe("no proof", () => {
    test("for somebody who does not own the pass", async () => {
      chain.setOwner(stranger.address);
      await expect(prove(claimOf())).resolves.toBe("refuse lit_denied 403");
    });

    test("for a pass that does not exist (burned, or not yet minted)", async () => {
      chain.setOwner(undefined);
      await expect(prove(claimOf())).resolves.toBe("refuse lit_denied 403");
    });

    test("for the owner's name on a stranger's signature", async () => {
      await expect(prove(claimOf(), stranger)).resolves.toBe("refuse lit_denied 403");
    });

    test("for the owner who claims to be somebody else", async () => {
      await expect(prove(claimOf({ user: stranger.address }))).resolves.toBe(
        "refuse lit_denied 403",
      );
    });

    test("for a stranger who owns nothing and says so truly", async () => {
      await expect(prove(claimOf({ user: stranger.address }), stranger)).resolves.toBe(
        "refuse lit_denied 403",
      );
    });

    test.each(["0x", "garbage", `0x${"00".repeat(65)}`])(
      "for the signature %s",
      async (userSignature) => {
        await expect(
          outcomeOf(() => gate.prove({ claim: claimOf(), userSignature })),
        ).resolves.toBe("refuse lit_denied 403");
      },
    );

    test.each([
      ["another meeting", { meetingId: "another" }],
      ["another token", { tokenId: "8" }],
      ["another contract", { contract: "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512" }],
      ["another chain", { chainId: 1 }],
      ["another service", { domain: "elsewhere.example" }],
      ["another nonce", { nonce: "another-nonce-16" }],
      ["another time", { expiresAtS: Math.floor(Date.now() / 1000) + 60 }],
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
      const expiresAtS = Math.floor(Date.now() / 1000) + lifetimeS;
      await expect(prove(claimOf({ expiresAtS }))).resolves.toBe("refuse lit_denied 403");
    });

    test("for a chain that the action does not know", async () => {
      await expect(prove(claimOf({ chainId: 4242 }))).resolves.toBe("refuse lit_denied 403");
    });

    test("for a claim that is not well formed", async () => {
      const userSignature = await signChallenge(claimOf());
      await expect(
        outcomeOf(() =>
          gate.prove({ claim: claimOf({ user: guest.address.toLowerCase() }), userSignature }),
        ),
      ).resolves.toBe("refuse lit_claim_malformed 422");
    });

    test("where the action ran and nobody signed", async () => {
      lit.controls.change({ denied: true });
      await expect(prove(claimOf())).resolves.toBe("refuse lit_denied 403");
    });
  });

  describe("trouble that may pass", () => {
    test("the action cannot ask the chain", async () => {
      chain.addFault({ path: "*", mode: "reset" });
      await expect(prove(claimOf())).resolves.toBe("retry lit_unavailable 503");
      chain.clearFaults();
      await expectProof();
    });

    test.each([
      { code: -32005, message: "daily request count exceeded, request rate limited" },
      { code: -32000, message: "header not found" },
      { code: -32603, message: "Internal JSON-RPC error." },
    ])("the action's RPC fails a call: $message", async (error) => {
      chain.setCallError(error);
      try {
        await expect(prove(claimOf())).resolves.toBe("retry lit_unavailable 503");
      } finally {
        chain.setCallError(undefined);
      }
      await expectProof();
    });

    test.each([
      { code: 3, message: "execution reverted" },
      { code: -32015, message: "VM execution error.", data: "Reverted 0x" },
      { code: -32000, message: "invalid opcode: INVALID" },
      { code: -32000, message: "out of gas" },
    ])("a contract that fails without data is an answer: $message", async (error) => {
      chain.setCallError(error);
      try {
        await expect(prove(claimOf())).resolves.toBe("refuse lit_denied 403");
      } finally {
        chain.setCallError(undefined);
      }
    });

    test("the action's RPC serves another chain", async () => {
      chain.setChainId(1);
      await expect(prove(claimOf())).resolves.toBe("retry lit_unavailable 503");
    });

    test.each([
      ["errors", { mode: "status", status: 500 }],
      ["is overloaded", { mode: "status", status: 429 }],
      ["does not know us any more", { mode: "status", status: 401 }],
      ["talks nonsense", { mode: "garbage" }],
      ["drops the connection", { mode: "reset" }],
    ] as const)("Lit %s", async (_name, fault) => {
      lit.addFault({ path: provider.executePath, ...fault });
      await expect(prove(claimOf())).resolves.toBe("retry lit_unavailable 503");
      lit.clearFaults();
      await expectProof();
    });

    test("Lit drops one connection: the next try succeeds, and nobody notices", async () => {
      lit.addFault({ path: provider.executePath, mode: "reset", times: 1 });
      await expectProof();
    });

    test("Lit hangs, and later does not", async () => {
      const impatient = await another({ timeoutMs: 3000 });
      lit.addFault({ path: provider.executePath, mode: "hang" });
      await expect(prove(claimOf(), guest, impatient)).resolves.toBe("retry lit_unavailable 503");
      lit.clearFaults();
      await expectProof();
    });

    test("the action is slower than our patience", async () => {
      const impatient = await another({ timeoutMs: 3000 });
      lit.controls.change({ delayMs: 60_000 });
      await expect(prove(claimOf(), guest, impatient)).resolves.toBe("retry lit_unavailable 503");
    });
  });

  test("a signature of another key is not believed, and is not called an outage", async () => {
    lit.controls.change({ otherKey: true });
    const error = await rejectionOf(async () =>
      gate.prove({ claim: claimOf(), userSignature: await signChallenge(claimOf()) }),
    );
    expect(`${error.kind} ${error.status}`).toMatch(/^retry 50[23]$/);
    lit.controls.reset();
    await expectProof();
  });

  test("of somebody else's PKP is not taken for ours", async () => {
    const impostor = await startLitSandbox({ chainRpcUrl: chain.url, seed: "impostor" });
    const fooled = await provider.gate(impostor, chain.url, {
      // The service lets the impostor's key sign, which is what we ask it for on Chipotle.
      pkpPublicKey: lit.config.pkpPublicKey,
    });
    await expect(prove(claimOf(), guest, fooled)).resolves.toMatch(/^retry lit_\w+ 50[23]$/);
    await fooled.close();
    await impostor.stop();
  });

  test("a crowd at once gets a proof each", async () => {
    const nonces = Array.from({ length: 8 }, (_, index) => `nonce-of-the-crowd-${index}`);
    const proofs = await Promise.all(
      nonces.map(async (nonce) => {
        const claim = claimOf({ nonce });
        return gate.prove({ claim, userSignature: await signChallenge(claim) });
      }),
    );
    expect(new Set(proofs.map((proof) => proof.signature)).size).toBe(nonces.length);
  });

  test("a gate that is closed says so by an outage, not by a crash", async () => {
    const gone = await another({});
    await gone.connect();
    await gone.close();
    expect(gone.ready).toBe(false);
    await expect(prove(claimOf(), guest, gone)).resolves.toBe("retry lit_unavailable 503");
  });
});
