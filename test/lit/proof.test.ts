import { readFileSync } from "node:fs";
import { id, SigningKey } from "ethers";
import { fc } from "../support/random.ts";
import {
  canonicalPayload,
  challengeText,
  computeActionCid,
  verifyProof,
} from "../../src/lit/index.ts";
import type { AccessClaim, LitProof } from "../../src/lit/index.ts";
import { AppError } from "../../src/errors.ts";
import { outcomeOf } from "../para/refusals.ts";
import { claimOf } from "./claims.ts";

const pkp = new SigningKey(id("the PKP"));
const otherKey = new SigningKey(id("another key"));
const claim = claimOf();

function proofOf(signed: AccessClaim, key: SigningKey = pkp): LitProof {
  const digest = id(canonicalPayload(signed));
  return {
    signature: key.sign(digest).serialized,
    publicKey: key.publicKey.slice(2),
    dataSigned: digest.slice(2),
  };
}

function check(proof: LitProof): Promise<string> {
  return outcomeOf(() => verifyProof({ claim, proof, pkpPublicKey: pkp.publicKey }));
}

test("the texts that are signed never change", () => {
  const fixed = claimOf({ expiresAtS: 1_800_000_000 });
  expect(challengeText(fixed)).toBe(
    "meetauction:localhost:5000:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3:7:0198a7e2-6b1c-7000-8000-000000000001:f3Xk9Qm2Lw7Rt5Vb:1800000000",
  );
  expect(canonicalPayload(fixed)).toBe(
    '{"v":1,"domain":"localhost:5000","chainId":31337,"contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3","tokenId":"7","meetingId":"0198a7e2-6b1c-7000-8000-000000000001","user":"0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A","nonce":"f3Xk9Qm2Lw7Rt5Vb","expiresAtS":1800000000}',
  );
});

test("a proof holds, with 0x or without, whatever the order of the claim's fields", () => {
  const proof = proofOf(claim);
  const { v, ...others } = claim;
  const shuffled: AccessClaim = { ...others, v };
  verifyProof({ claim: shuffled, proof, pkpPublicKey: pkp.publicKey });
  verifyProof({
    claim,
    proof: { ...proof, publicKey: pkp.publicKey, dataSigned: `0x${proof.dataSigned}` },
    pkpPublicKey: pkp.publicKey.slice(2),
  });
});

test.each([
  ["domain", { domain: "elsewhere.example" }],
  ["chain", { chainId: 1 }],
  ["contract", { contract: "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A" }],
  ["token", { tokenId: "8" }],
  ["meeting", { meetingId: "another" }],
  ["user", { user: "0x1563915e194D8CfBA1943570603F7606A3115508" }],
  ["nonce", { nonce: "another-nonce-16" }],
  ["time", { expiresAtS: claim.expiresAtS + 1 }],
])("a proof for another %s is about something else", async (_name, changes) => {
  await expect(check(proofOf(claimOf({ ...claim, ...changes })))).resolves.toBe(
    "refuse lit_proof_other_claim 403",
  );
});

test("each way of tampering has its own refusal", async () => {
  const good = proofOf(claim);
  await expect(check(proofOf(claim, otherKey))).resolves.toBe("refuse lit_proof_other_key 403");
  await expect(check({ ...proofOf(claim, otherKey), publicKey: good.publicKey })).resolves.toBe(
    "refuse lit_proof_bad_signature 403",
  );
  await expect(
    check({ ...proofOf(claimOf({ tokenId: "8" })), dataSigned: good.dataSigned }),
  ).resolves.toBe("refuse lit_proof_bad_signature 403");
  await expect(check({ ...good, signature: good.signature.slice(0, -2) })).resolves.toBe(
    "refuse lit_proof_malformed 403",
  );
  await expect(check({ ...good, signature: `0x${"00".repeat(65)}` })).resolves.toBe(
    "refuse lit_proof_bad_signature 403",
  );
});

test("the other form of the same signature (high s) is refused, so that a proof has one form", async () => {
  const good = proofOf(claim);
  const order =
    0xff_ff_ff_ff_ff_ff_ff_ff_ff_ff_ff_ff_ff_ff_ff_fe_ba_ae_dc_e6_af_48_a0_3b_bf_d2_5e_8c_d0_36_41_41n;
  const [r, s, v] = [
    good.signature.slice(2, 66),
    BigInt(`0x${good.signature.slice(66, 130)}`),
    Number.parseInt(good.signature.slice(130), 16),
  ];
  const high = `0x${r}${(order - s).toString(16).padStart(64, "0")}${(v === 27 ? 28 : 27).toString(16)}`;
  await expect(check({ ...good, signature: high })).resolves.toBe(
    "refuse lit_proof_bad_signature 403",
  );
});

test("whatever is sent as a proof is refused as one", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.record({
          signature: fc.anything(),
          publicKey: fc.anything(),
          dataSigned: fc.anything(),
        }),
      ),
      (proof) => {
        try {
          verifyProof({
            claim, // @ts-expect-error: anything may come from outside
            proof,
            pkpPublicKey: pkp.publicKey,
          });
        } catch (error) {
          return error instanceof AppError && error.status === 403;
        }
        return false;
      },
    ),
  );
});

describe("the action's CID", () => {
  const read = (name: string): string =>
    readFileSync(new URL(`../../contracts/lit/${name}`, import.meta.url), "utf8");

  test("in contracts/lit is that of the action as it is", () => {
    expect(read("access-action.cid").trim()).toBe(computeActionCid(read("access-action.js")));
  });

  test.each([
    ["", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"],
    ["hello world", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"],
  ])("of %j is what ipfs says", (source, cid) => {
    expect(computeActionCid(source)).toBe(cid);
  });

  test("is not guessed for a source of several blocks", () => {
    expect(() => computeActionCid("x".repeat(256 * 1024 + 1))).toThrow(RangeError);
  });
});
