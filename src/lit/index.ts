import type { AccessClaim, AccessGate, AccessGateOptions, LitProof } from "./types.ts";

export type * from "./types.ts";

/** The text the wallet signs. */
export function challengeText(_claim: AccessClaim): string {
  throw new Error("not built yet");
}
/** The bytes the PKP signs (UTF-8, hashed with keccak256). */
export function canonicalPayload(_claim: AccessClaim): string {
  throw new Error("not built yet");
}
/** CID v0 of an action's source. */
export function computeActionCid(_source: string): string {
  throw new Error("not built yet");
}
/** Checks a proof offline. @throws AppError refuse 403, one code per reason. */
export function verifyProof(_input: { readonly claim: AccessClaim; readonly proof: LitProof; readonly pkpPublicKey: string }): void {
  throw new Error("not built yet");
}
export function createAccessGate(_options: AccessGateOptions): AccessGate {
  throw new Error("not built yet");
}
