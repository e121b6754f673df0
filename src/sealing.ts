import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Secret } from "./secret.ts";

/** One key of AES-256, as ENCRYPTION_KEYS and TEMPORAL_PAYLOAD_KEYS name them. */
export interface SealingKey {
  readonly id: string;
  /** 32 bytes, base64. */
  readonly key: Secret;
}

/** Bytes encrypted with AES-256-GCM, and the id of the key that did it. */
export interface Sealed {
  readonly keyId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly authTag: Buffer;
}

const CIPHER = "aes-256-gcm";
export const IV_BYTES = 12;
export const AUTH_TAG_BYTES = 16;

const bytesOf = (key: SealingKey): Buffer => Buffer.from(key.key.reveal(), "base64");

/** Encrypts, bound to `context`: said to be of another context, it no longer opens. */
export function sealBytes(key: SealingKey, plaintext: Uint8Array, context: string): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, bytesOf(key), iv).setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { keyId: key.id, iv, ciphertext, authTag: cipher.getAuthTag() };
}

/** Opens what `sealBytes` made. @throws Error when the key is another or anything was changed */
export function unsealBytes(key: SealingKey, sealed: Sealed, context: string): Buffer {
  const decipher = createDecipheriv(CIPHER, bytesOf(key), sealed.iv, {
    authTagLength: AUTH_TAG_BYTES,
  })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.authTag);
  return Buffer.concat([decipher.update(sealed.ciphertext), decipher.final()]);
}
