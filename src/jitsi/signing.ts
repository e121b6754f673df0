import jwt from "jsonwebtoken";
import { AppError } from "../errors.ts";

/** A key that signs Jitsi tokens: HS256 with a shared text, RS256 with a PEM. */
export interface SigningKey {
  readonly algorithm: "HS256" | "RS256";
  readonly secret: string;
  readonly kid: string | undefined;
}

/**
 * The kind of key follows from its text. Environment variables often hold a PEM with `\n` written out.
 * @throws AppError `jitsi_configuration` for an empty secret
 */
export function readSigningKey(secret: string, kid: string | undefined): SigningKey {
  if (secret.trim() === "") throw jitsiMisconfigured("the Jitsi secret is empty");
  if (!secret.trimStart().startsWith("-----BEGIN")) return { algorithm: "HS256", secret, kid };
  return { algorithm: "RS256", secret: secret.replaceAll("\\n", "\n").trim(), kid };
}

/** @throws AppError `jitsi_configuration` when the key does not work; its text is not repeated */
export function signToken(key: SigningKey, claims: object): string {
  try {
    return jwt.sign(claims, key.secret, {
      algorithm: key.algorithm,
      ...(key.kid === undefined ? {} : { keyid: key.kid }),
    });
  } catch {
    throw jitsiMisconfigured(`the Jitsi secret is no usable ${key.algorithm} key`);
  }
}

export function jitsiMisconfigured(message: string): AppError {
  return new AppError({ kind: "refuse", code: "jitsi_configuration", message, status: 500 });
}
