import { createHmac, randomBytes, randomUUID } from "node:crypto";
import type { ApiConfig } from "../../config.ts";
import type { SealedSecret } from "../../db/webhooks.ts";
import { seal, unseal } from "../auth/sealing.ts";

/** Bytes of a secret; the specification asks for 24 to 64. */
const SECRET_BYTES = 32;
const PREFIX = "whsec_";

/** A new signing secret, as its owner gets it once and as it is kept. */
export function newSecret(keys: ApiConfig["ENCRYPTION_KEYS"]): {
  readonly secret: string;
  readonly sealed: SealedSecret;
} {
  const id = randomUUID();
  const secret = `${PREFIX}${randomBytes(SECRET_BYTES).toString("base64")}`;
  return { secret, sealed: { id, ...seal(keys, secret, id) } };
}

/** The secret behind what is kept. @throws Error when its key is gone */
export function openSecret(keys: ApiConfig["ENCRYPTION_KEYS"], sealed: SealedSecret): string {
  return unseal(keys, sealed, sealed.id);
}

/**
 * The headers of a message, signed with each secret (Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`).
 * @param timestampS when it is sent, so that the receiver can refuse what is old
 */
export function signedHeaders(
  secrets: readonly string[],
  message: { readonly id: string; readonly body: string },
  timestampS: number,
): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    const signed = `${message.id}.${timestampS}.${message.body}`;
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  return {
    "content-type": "application/json",
    "user-agent": "meeting-auction-webhooks/1",
    "webhook-id": message.id,
    "webhook-timestamp": String(timestampS),
    "webhook-signature": signatures.join(" "),
  };
}
