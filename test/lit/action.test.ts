import { z } from "zod";
import type { LitSandbox } from "../../dev/sandbox/lit/server.ts";
import { challengeText, claimDigest, computeActionCid } from "../../src/lit/index.ts";
import type { AccessClaim } from "../../src/lit/index.ts";
import { startChainStub, startLitSandbox } from "../support/sandboxes.ts";
import type { ChainStub } from "../support/sandboxes.ts";
import { claimOf, guest, stranger } from "./claims.ts";
import { pinnedAction } from "./providers.ts";

// Every check of the action, alone: of the claim only that one thing is wrong, so that the action without the check
// would sign it. Both are run: the action as it is, and with the one check taken out of its text.

let chain: ChainStub;
let lit: LitSandbox;

beforeAll(async () => {
  chain = await startChainStub();
  lit = await startLitSandbox({ chainRpcUrl: chain.url, actionTimeoutMs: 180_000 });
});
beforeEach(() => chain.setOwner(guest.address));
afterAll(async () => {
  await lit.stop();
  await chain.stop();
});

const answer = z.object({
  response: z.union([
    z.strictObject({ granted: z.literal(false), reason: z.string() }),
    z.strictObject({
      granted: z.literal(true),
      signature: z.string(),
      publicKey: z.string(),
      dataSigned: z.string(),
    }),
  ]),
});

async function run(source: string, claim: object, userSignature: string) {
  lit.permitOnChipotle(computeActionCid(source));
  const response = await fetch(`${lit.url}/core/v1/lit_action`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": lit.chipotle.apiKey },
    body: JSON.stringify({
      code: source,
      js_params: { accessClaim: claim, userSignature, pkpId: lit.chipotle.pkpAddress },
    }),
  });
  const text = await response.text();
  expect([response.status, text]).toEqual([200, expect.any(String)]);
  return answer.parse(JSON.parse(text)).response;
}

const inS = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
const OTHER_CONTRACT = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512";

interface Case {
  readonly name: string;
  readonly reason: string;
  /** What is wrong about the claim. */
  readonly changes?: () => Partial<AccessClaim>;
  /** The line of the action that notices, and what stands there when it is taken out. */
  readonly check: readonly [string, string];
  /** Who signs the challenge of that claim; the guest. */
  readonly signer?: typeof guest;
  /** Who owns the token; the guest. */
  readonly owner?: string;
}

const CASES: readonly Case[] = [
  {
    name: "a claim on another chain",
    reason: "other_chain",
    changes: () => ({ chainId: 1 }),
    check: ["claim.chainId !== PINNED.chainId", "false"],
  },
  {
    name: "a claim on another contract",
    reason: "other_contract",
    changes: () => ({ contract: OTHER_CONTRACT }),
    check: ["claim.contract.toLowerCase() !== PINNED.contract.toLowerCase()", "false"],
  },
  {
    name: "a claim whose time has passed",
    reason: "expired",
    changes: () => ({ expiresAtS: inS(-5) }),
    check: ["claim.expiresAtS <= nowS", "false"],
  },
  {
    name: "a claim that lives too long",
    reason: "lifetime_too_long",
    changes: () => ({ expiresAtS: inS(3600) }),
    check: ["claim.expiresAtS > nowS + MAX_LIFETIME_S", "false"],
  },
  {
    name: "the owner's name on a stranger's signature",
    reason: "wrong_signer",
    signer: stranger,
    check: ["!(await isSigned(claim, challenge, signature, provider))", "false"],
  },
  {
    name: "a token that is somebody else's",
    reason: "not_the_owner",
    owner: stranger.address,
    check: ["owner?.toLowerCase() === claim.user.toLowerCase()", "true"],
  },
  {
    name: "a nonce that can be guessed",
    reason: "malformed_claim",
    changes: () => ({ nonce: "short" }),
    check: ["/^[A-Za-z0-9_-]{16,128}$/", "/^/"],
  },
  {
    name: "a token id with a leading zero, which is another name of the same token",
    reason: "malformed_claim",
    changes: () => ({ tokenId: "07" }),
    check: ["/^(0|[1-9][0-9]{0,77})$/", "/^/"],
  },
  {
    name: "a meeting id with a colon, which could be another challenge's text",
    reason: "malformed_claim",
    changes: () => ({ meetingId: "a:b" }),
    check: ["/^[A-Za-z0-9-]{1,64}$/", "/^/"],
  },
];

test.each(CASES)(
  "$name is refused as $reason, and by nothing else",
  async ({ reason, changes, check, signer = guest, owner }) => {
    const { actionSource } = pinnedAction(chain.url);
    const claim = { ...claimOf(), ...changes?.() };
    chain.setOwner(owner ?? guest.address);
    // On another chain, everything is as it should be there.
    chain.setChainId(claim.chainId);
    const signature = await signer.signMessage(textOf(claim));
    expect(await run(actionSource, claim, signature)).toEqual({ granted: false, reason });
    const [wanted, instead] = check;
    const lax = actionSource.replace(wanted, () => instead);
    expect(lax).not.toBe(actionSource);
    expect(await run(lax, claim, signature)).toMatchObject({ granted: true });
    chain.setChainId(31_337);
  },
);

/** The challenge's text of a claim that may be malformed, which ours refuses to make. */
function textOf(claim: AccessClaim): string {
  const { domain, chainId, contract, tokenId, meetingId, nonce, expiresAtS } = claim;
  return `meetauction:${domain}:${chainId}:${contract}:${tokenId}:${meetingId}:${nonce}:${expiresAtS}`;
}

test("a good claim is signed over the payload that we compute, and the challenge is the one we give", async () => {
  const claim = claimOf();
  expect(textOf(claim)).toBe(challengeText(claim));
  const { actionSource } = pinnedAction(chain.url);
  const signature = await guest.signMessage(challengeText(claim));
  expect(await run(actionSource, claim, signature)).toMatchObject({
    granted: true,
    dataSigned: claimDigest(claim),
  });
});

test("what a caller adds to the claim is not signed", async () => {
  const claim = claimOf();
  const { actionSource } = pinnedAction(chain.url);
  const signature = await guest.signMessage(challengeText(claim));
  expect(await run(actionSource, { role: "host", ...claim }, signature)).toMatchObject({
    dataSigned: claimDigest(claim),
  });
});
