import { findClaimByDigest, type GatePass, meetingsOf } from "../../db/access.ts";
import { type AccessClaim, claimDigest, type LitProof } from "../../lit/index.ts";
import type { ApiDeps } from "../context.ts";
import { checksummed } from "../schema.ts";

type ClaimWithoutNonce = Omit<AccessClaim, "nonce">;

/** What a claim can be about that another is not, in the order in which the log names one. */
const REASONS: readonly (readonly [keyof ClaimWithoutNonce, string])[] = [
  ["domain", "proof_of_other_service"],
  ["chainId", "proof_of_other_chain"],
  ["contract", "proof_of_other_contract"],
  ["meetingId", "proof_of_other_meeting"],
  ["tokenId", "proof_of_other_token"],
  ["user", "proof_of_other_wallet"],
];

/** The chains that the access action knows. */
const CHAIN_IDS = [1, 10, 137, 8_453, 42_161, 80_002, 84_532, 421_614, 11_155_111, 31_337] as const;
/** How far a proof's time may be from the challenge's, which is two minutes away, and still be recognised. */
const MAX_SHIFT_S = 180;
const MEETINGS_TRIED = 20;

/**
 * What a good proof is about that is not about this challenge, for the access log. A proof holds a digest only, so that
 * this can but compare: with the challenges that were given, then with this challenge in which one thing is changed to
 * what the same person could have had signed. `proof_of_unknown_claim` when nothing fits.
 */
export async function reasonForOtherClaim(
  deps: ApiDeps,
  pass: GatePass,
  proof: LitProof,
): Promise<string> {
  const digest = `0x${proof.dataSigned.toLowerCase().replace(/^0x/, "")}`;
  const given = await findClaimByDigest(deps.db, digest);
  if (given !== undefined) return differenceOf(pass.claim, given) ?? "proof_of_other_challenge";
  for (const [reason, claim] of await variantsOf(deps, pass)) {
    if (claimDigest(claim) === digest) return reason;
  }
  return "proof_of_unknown_claim";
}

function differenceOf(ours: ClaimWithoutNonce, other: ClaimWithoutNonce): string | undefined {
  return REASONS.find(([field]) => ours[field] !== other[field])?.[1];
}

async function variantsOf(
  deps: ApiDeps,
  pass: GatePass,
): Promise<readonly (readonly [string, AccessClaim])[]> {
  const { claim, wallet } = pass;
  const meetings = await meetingsOf(deps.db, {
    wallets: [wallet],
    before: undefined,
    limit: MEETINGS_TRIED,
  });
  const wallets = new Set(meetings.flatMap((one) => [one.host, one.winner, one.passOwner]));
  const shifts = Array.from({ length: 2 * MAX_SHIFT_S }, (_, index) => index - MAX_SHIFT_S + 1);
  return [
    ...CHAIN_IDS.map((chainId) => ["proof_of_other_chain", { ...claim, chainId }] as const),
    ...meetings.flatMap(
      ({ id: meetingId, auctionId: tokenId }) =>
        [
          ["proof_of_other_meeting", { ...claim, meetingId }],
          ["proof_of_other_meeting", { ...claim, meetingId, tokenId }],
          ["proof_of_other_token", { ...claim, tokenId }],
        ] as const,
    ),
    ...[...wallets].map(
      (user) => ["proof_of_other_wallet", { ...claim, user: checksummed(user) }] as const,
    ),
    ...shifts.map(
      (shiftS) =>
        ["proof_of_other_time", { ...claim, expiresAtS: claim.expiresAtS + shiftS }] as const,
    ),
  ];
}
