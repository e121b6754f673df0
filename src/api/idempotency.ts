// The Idempotency-Key of draft-ietf-httpapi-idempotency-key-header: one effect and one answer, however often it is sent.
import { createHash } from "node:crypto";
import {
  claimKey,
  keepReply,
  type KeyedRequest,
  releaseKey,
  type StoredReply,
} from "../db/idempotency.ts";
import { AppError, refused } from "../errors.ts";
import type { ApiDeps } from "./context.ts";

/** What a key may be: visible ASCII, at most 255 characters. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** What a handler answered; `isInterim`: the work goes on, so a repeat asks anew instead of being told the same again. */
type Work = () => Promise<StoredReply & { readonly isInterim?: boolean | undefined }>;

/** The digest of a request: its operation and its checked input, in the order of their schemas. */
export function fingerprintOf(operationId: string, input: object): string {
  return createHash("sha256")
    .update(JSON.stringify([operationId, input]))
    .digest("hex");
}

/**
 * Does the work of a request once. A repeat gets the answer of the first; what was refused or failed is not kept, because
 * nothing was done then: the repeat is judged anew.
 * @throws AppError refuse 409 `idempotency_key_in_flight` while another is at work on it; 422 `idempotency_key_reused`
 *   when the key came with another request before; and what the work throws
 */
export async function once(
  deps: Pick<ApiDeps, "db">,
  request: KeyedRequest,
  work: Work,
): Promise<StoredReply> {
  const claim = await claimKey(deps.db, request);
  switch (claim.kind) {
    case "stored":
      return claim.reply;
    case "in_flight":
      throw new AppError({
        kind: "refuse",
        code: "idempotency_key_in_flight",
        status: 409,
        message:
          "the first request with this Idempotency-Key is still being worked on; repeat it soon",
        retryAfterS: 1,
      });
    case "other":
      throw refused(
        "idempotency_key_reused",
        "this Idempotency-Key was sent with another request before; use a fresh one",
        422,
      );
    case "claimed":
      break;
  }
  try {
    const { isInterim, ...reply } = await work();
    if (isInterim === true) await releaseKey(deps.db, request, claim.claim);
    else await keepReply(deps.db, request, claim.claim, reply);
    return reply;
  } catch (error) {
    // When this fails too the claim runs out by itself; what went wrong first is what matters.
    await releaseKey(deps.db, request, claim.claim).catch(() => undefined);
    throw error;
  }
}
