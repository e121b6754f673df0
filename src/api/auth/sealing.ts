import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { ApiConfig } from "../../config.ts";

type Keys = ApiConfig["ENCRYPTION_KEYS"];

/** A text encrypted with AES-256-GCM, and the id of the key that did it. */
export interface Sealed {
  readonly keyId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly authTag: Buffer;
}

/** Encrypts with the newest key, bound to `owner`: moved to another owner's row, it no longer opens. */
export function seal(keys: Keys, plaintext: string, owner: string): Sealed {
  const [newest] = keys;
  if (newest === undefined) throw new Error("there is no encryption key");
  const iv = randomBytes(12);
  const cipher = createCipheriv(
    "aes-256-gcm",
    Buffer.from(newest.key.reveal(), "base64"),
    iv,
  ).setAAD(Buffer.from(owner));
  const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return { keyId: newest.id, iv, ciphertext, authTag: cipher.getAuthTag() };
}

/** Opens what `seal` made, with whichever key it names. @throws Error when the key is gone or anything was changed. */
export function unseal(keys: Keys, sealed: Sealed, owner: string): string {
  const key = keys.find((one) => one.id === sealed.keyId);
  if (key === undefined)
    throw new Error(`the encryption key ${sealed.keyId} is not among ENCRYPTION_KEYS`);
  const decipher = createDecipheriv(
    "aes-256-gcm",
    Buffer.from(key.key.reveal(), "base64"),
    sealed.iv,
    { authTagLength: 16 },
  )
    .setAAD(Buffer.from(owner))
    .setAuthTag(sealed.authTag);
  return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]).toString("utf8");
}
