import { recoverAddress } from "ethers";
import { z } from "zod";
import { refused } from "../errors.ts";
import type { AppError } from "../errors.ts";
import { claimDigest } from "./claim.ts";
import { pkpAddress } from "./pkp.ts";
import type { AccessClaim, LitProof } from "./types.ts";

/** The shape of a proof, wherever it comes from; hex may come with or without 0x. */
export const litProof = z.object({
  signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/),
  publicKey: z.string().regex(/^(0x)?04[0-9a-fA-F]{128}$/),
  dataSigned: z.string().regex(/^(0x)?[0-9a-fA-F]{64}$/),
});

/**
 * Checks offline that the PKP (its public key or its address) signed exactly this claim. The claim is the caller's own: nothing in
 * the proof says what it is about, so a proof for another claim fails here.
 * Whether the claim's nonce is unspent and its time has not passed is the caller's to check.
 * @throws AppError refuse 403: `lit_proof_malformed`, `lit_proof_other_key` (not our PKP's),
 *   `lit_proof_bad_signature` (not over what it says), `lit_proof_other_claim` (good, and about something else).
 */
export function verifyProof(input: {
  readonly claim: AccessClaim;
  readonly proof: LitProof;
  readonly pkpPublicKey: string;
}): void {
  const parsed = litProof.safeParse(input.proof);
  if (!parsed.success) throw bad("lit_proof_malformed", "The access proof is not well formed.");
  const { signature, publicKey, dataSigned } = parsed.data;
  const expected = pkpAddress(input.pkpPublicKey);
  if (expected === undefined || pkpAddress(publicKey) !== expected)
    throw bad(
      "lit_proof_other_key",
      "The access proof was made with another key than this service's PKP.",
    );
  // What the proof says that it is about comes first: only a real proof can be about something else.
  if (recover(`0x${bare(dataSigned)}`, signature) !== expected)
    throw bad("lit_proof_bad_signature", "The signature of the access proof is not the PKP's.");
  if (bare(dataSigned) !== bare(claimDigest(input.claim)))
    throw bad(
      "lit_proof_other_claim",
      "The access proof is about something else than this challenge.",
    );
}

function recover(digest: string, signature: string): string | undefined {
  try {
    // ethers refuses high-s signatures, so that one proof has one form only.
    return recoverAddress(digest, signature);
  } catch {
    return undefined;
  }
}

function bare(hex: string): string {
  return hex.toLowerCase().replace(/^0x/, "");
}

function bad(code: string, message: string): AppError {
  return refused(code, `${message} Ask for a new challenge.`, 403);
}
