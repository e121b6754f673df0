import type { GatePass } from "../../db/access.ts";
import { AppError, refused } from "../../errors.ts";
import { challengeText, type LitProof, verifyProof } from "../../lit/index.ts";
import { isSignatureOf } from "../auth/wallets.ts";
import type { ApiDeps } from "../context.ts";
import { reasonForOtherClaim } from "./proof-reasons.ts";
import type { Standing } from "./rights.ts";
import type { AccessCommand } from "./schema.ts";

/** What somebody was let in by, as the access log says it. */
export type GrantPolicy =
  | "host_signature"
  | "lit_action"
  | "lit_proof_of_client"
  /** LIT_WHEN_UNREACHABLE=owner-of, while Lit was away: the wallet's signature and our own look at the chain. */
  | "signature_and_owner_of";

/**
 * Has a challenge answered as the role needs it: the host by the wallet's signature, the pass owner by Lit's proof. What
 * was checked, and by which policy it is good, is added to `checked`, for the log.
 * @returns Lit's proof; null where none is needed
 * @throws AppError refuse 422 `signature_required`; 403 `signature_invalid`, `lit_…`, `proof_of_…`; retry `lit_unavailable`,
 *   `lit_bad_answer`, `rpc_unavailable`
 */
export async function proveAnswer(
  deps: ApiDeps,
  pass: GatePass,
  role: Standing["role"],
  command: AccessCommand,
  checked: Record<string, unknown>,
): Promise<LitProof | null> {
  const { proof, policy } = await (role === "host"
    ? proveHost(deps, pass, command)
    : provePassOwner(deps, pass, command, checked));
  checked["litProof"] = proof !== null;
  checked["policy"] = policy;
  return proof;
}

interface Answer {
  readonly proof: LitProof | null;
  readonly policy: GrantPolicy;
}

/** The host owns no pass, so Lit has nothing to say about them: their wallet's signature is the proof. */
async function proveHost(deps: ApiDeps, pass: GatePass, command: AccessCommand): Promise<Answer> {
  if (!("signature" in command))
    throw refused(
      "signature_required",
      "the host proves by the wallet's signature over the challenge",
      422,
      [{ pointer: "/signature", code: "required", detail: "sign the challenge's message" }],
    );
  await checkSignature(deps, pass, command.signature);
  return { proof: null, policy: "host_signature" };
}

async function provePassOwner(
  deps: ApiDeps,
  pass: GatePass,
  command: AccessCommand,
  checked: Record<string, unknown>,
): Promise<Answer> {
  if (!("signature" in command)) {
    await checkProof(deps, pass, command.litProof);
    return { proof: command.litProof, policy: "lit_proof_of_client" };
  }
  // Cheap to check here, and it spares Lit a call that it would refuse.
  await checkSignature(deps, pass, command.signature);
  try {
    const proof = await deps.gate.prove({ claim: pass.claim, userSignature: command.signature });
    await checkProof(deps, pass, proof);
    return { proof, policy: "lit_action" };
  } catch (error) {
    const isAway = error instanceof AppError && error.code === "lit_unavailable";
    if (!isAway || deps.config.LIT_WHEN_UNREACHABLE !== "owner-of") throw error;
    checked["litUnreachable"] = error.message;
    deps.logger.warn("Lit is unreachable: the signature and our own look at the chain must do", {
      meetingId: pass.meetingId,
      reason: error.message,
    });
    await checkOwner(deps, pass, checked);
    return { proof: null, policy: "signature_and_owner_of" };
  }
}

/** Lit may have taken its time to be away: the owner is looked up again, now that nobody else did. */
async function checkOwner(
  deps: ApiDeps,
  pass: GatePass,
  checked: Record<string, unknown>,
): Promise<void> {
  const { owner, blockNumber } = await deps.reader.passOwner(pass.claim.tokenId);
  checked["passOwner"] = owner;
  checked["atBlock"] = blockNumber;
  if (owner !== pass.wallet)
    throw refused("not_the_pass_owner", "the wallet does not own the pass any more", 403);
}

async function checkProof(deps: ApiDeps, pass: GatePass, proof: LitProof): Promise<void> {
  try {
    verifyProof({ claim: pass.claim, proof, pkpPublicKey: deps.config.LIT_PKP_PUBLIC_KEY });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "lit_proof_other_claim") throw error;
    throw refused(await reasonForOtherClaim(deps, pass, proof), error.message, error.status);
  }
}

async function checkSignature(deps: ApiDeps, pass: GatePass, signature: string): Promise<void> {
  if (!(await isSignatureOf(deps.reader, pass.wallet, challengeText(pass.claim), signature))) {
    throw refused(
      "signature_invalid",
      "the signature is not that wallet's over this challenge",
      403,
    );
  }
}

/** Why an answer to a challenge is no proof, in the log's words; nobody outside is told which of them it was. */
const NO_PROOF =
  /^(challenge_(unknown|expired|of_other_\w+)|signature_invalid|not_the_pass_owner|lit_denied|lit_proof_\w+|proof_of_\w+)$/;

/**
 * The error as the outside sees it. Whoever tries proofs at the door learns from one as much as from any other: every
 * answer that is no proof of this challenge gets the same refusal, and the access log has the reason.
 */
export function outwardRefusal(error: unknown): unknown {
  if (!(error instanceof AppError) || error.kind !== "refuse" || !NO_PROOF.test(error.code))
    return error;
  return refused(
    "access_denied",
    "this does not prove that you may enter: ask for a new challenge, and have its message signed by the wallet it names",
    403,
  );
}
