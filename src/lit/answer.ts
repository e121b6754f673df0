import { AppError, refused } from "../errors.ts";
import { verifyProof } from "./proof.ts";
import type { AccessClaim, LitProof } from "./types.ts";

/** The action ran and did not sign. Which of its checks failed is not said: its explanation proves nothing. */
export function denied(): AppError {
  return refused(
    "lit_denied",
    "Lit's access check said no: the wallet that signed the challenge does not own this meeting's pass, or the challenge is not the one that was issued.",
    403,
  );
}

/**
 * Checks what Lit signed, whoever of Lit gave it. A wrong signature is Lit's failure (or another PKP
 * in our settings), not the guest's.
 * @throws AppError retry 502 `lit_bad_answer`
 */
export function checkAnswer(claim: AccessClaim, proof: LitProof, pkpPublicKey: string): void {
  try {
    verifyProof({ claim, proof, pkpPublicKey });
  } catch (error) {
    if (error instanceof AppError)
      throw badAnswer(
        `a proof that does not hold (${error.code}). Check LIT_PKP_PUBLIC_KEY in the settings.`,
        error,
      );
    throw error;
  }
}

/** An answer of Lit that cannot be believed. `what` ends the sentence "Lit answered with …". */
export function badAnswer(what: string, cause?: unknown): AppError {
  return new AppError({
    kind: "retry",
    code: "lit_bad_answer",
    message: `Lit answered with ${what}`,
    status: 502,
    retryAfterS: 5,
    cause,
  });
}
