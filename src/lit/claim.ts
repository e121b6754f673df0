import { getAddress, id, isAddress } from "ethers";
import { z } from "zod";
import { refused } from "../errors.ts";
import type { AccessClaim } from "./types.ts";

const address = z
  .string()
  .refine(
    (value) => isAddress(value) && getAddress(value) === value,
    "must be a checksummed address",
  );

/** The same forms as in contracts/lit/access-action.js, which refuses anything else. */
const accessClaim = z.strictObject({
  v: z.literal(1),
  domain: z.string().regex(/^[A-Za-z0-9.:-]{1,255}$/),
  chainId: z.int().positive(),
  contract: address,
  tokenId: z.string().regex(/^(0|[1-9][0-9]{0,77})$/),
  meetingId: z.string().regex(/^[A-Za-z0-9-]{1,64}$/),
  user: address,
  nonce: z.string().regex(/^[A-Za-z0-9_-]{16,128}$/),
  expiresAtS: z.int().positive(),
});

/** @throws AppError refuse 422 `lit_claim_malformed` */
export function checkClaim(claim: AccessClaim): AccessClaim {
  const parsed = accessClaim.safeParse(claim);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    pointer: `/${issue.path.join("/")}`,
    code: issue.code,
    detail: issue.message,
  }));
  throw refused("lit_claim_malformed", "The access claim is not well formed.", 422, errors);
}

/** The text that the wallet signs (EIP-191, `personal_sign`). @throws AppError refuse 422 `lit_claim_malformed` */
export function challengeText(claim: AccessClaim): string {
  const { domain, chainId, contract, tokenId, meetingId, nonce, expiresAtS } = checkClaim(claim);
  return `meetauction:${domain}:${chainId}:${contract}:${tokenId}:${meetingId}:${nonce}:${expiresAtS}`;
}

/**
 * The text that the PKP signs: the claim as JSON with its fields in this order, without white space.
 * @throws AppError refuse 422 `lit_claim_malformed`
 */
export function canonicalPayload(claim: AccessClaim): string {
  const { v, domain, chainId, contract, tokenId, meetingId, user, nonce, expiresAtS } =
    checkClaim(claim);
  return JSON.stringify({
    v,
    domain,
    chainId,
    contract,
    tokenId,
    meetingId,
    user,
    nonce,
    expiresAtS,
  });
}

/** What is signed in the end: keccak256 of the canonical payload, 0x and 64 hex digits. */
export function claimDigest(claim: AccessClaim): string {
  return id(canonicalPayload(claim));
}
