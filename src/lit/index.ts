import { createChipotleGate } from "./chipotle-gate.ts";
import { createNodeGate } from "./node-gate.ts";
import type { AccessGate, AccessGateOptions } from "./types.ts";

export { pinAction, readAction } from "./action.ts";
export type { ActionPin } from "./action.ts";
export { computeActionCid } from "./action-cid.ts";
export { parseAuthSig } from "./auth-sig.ts";
export { canonicalPayload, challengeText, claimDigest } from "./claim.ts";
export { pkpAddress } from "./pkp.ts";
export { verifyProof } from "./proof.ts";
export type * from "./types.ts";

/** The gate of the configured network; it connects on first use, or by `connect`. */
export function createAccessGate(options: AccessGateOptions): AccessGate {
  return options.network === "chipotle" ? createChipotleGate(options) : createNodeGate(options);
}
