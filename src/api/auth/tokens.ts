import { randomUUID } from "node:crypto";
import jwt from "jsonwebtoken";
import { z } from "zod";
import { refused } from "../../errors.ts";
import type { Secret } from "../../secret.ts";

const ISSUER = "meeting-auction";
const AUDIENCE = "meeting-auction-api";
const ALGORITHM = "HS256";
/** How far ahead the clock of the node that issued a token may be of ours, seconds. */
const CLOCK_TOLERANCE_S = 60;

const Header = z.looseObject({ alg: z.literal(ALGORITHM), typ: z.literal("JWT") });

const Claims = z.strictObject({
  sub: z.uuid(),
  iss: z.literal(ISSUER),
  aud: z.literal(AUDIENCE),
  purpose: z.literal("access"),
  epoch: z.int().min(0),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(1),
});

export interface AccessClaims {
  readonly userId: string;
  readonly epoch: number;
  readonly expiresAt: Date;
}

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
}

/** A token for a user's present session epoch; the next logout voids it. */
export function issueAccessToken(
  user: { readonly id: string; readonly sessionEpoch: number },
  secret: Secret,
  ttlS: number,
): AccessToken {
  const issuedAtS = Math.floor(Date.now() / 1_000);
  const claims: z.infer<typeof Claims> = {
    sub: user.id,
    iss: ISSUER,
    aud: AUDIENCE,
    purpose: "access",
    epoch: user.sessionEpoch,
    iat: issuedAtS,
    exp: issuedAtS + ttlS,
    jti: randomUUID(),
  };
  return {
    token: jwt.sign(claims, secret.reveal(), { algorithm: ALGORITHM }),
    expiresAt: new Date(claims.exp * 1_000),
  };
}

/**
 * Checks signature, algorithm, type, issuer, audience, purpose and times of a token; whether its epoch is still the
 * user's is for the caller to ask the database.
 * @throws AppError refuse 401 `token_invalid`
 */
export function verifyAccessToken(token: string, secret: Secret): AccessClaims {
  try {
    const { header, payload } = jwt.verify(token, secret.reveal(), {
      algorithms: [ALGORITHM],
      issuer: ISSUER,
      audience: AUDIENCE,
      complete: true,
    });
    Header.parse(header);
    const claims = Claims.parse(payload);
    if (claims.iat > Math.floor(Date.now() / 1_000) + CLOCK_TOLERANCE_S)
      throw new Error("issued in the future");
    return { userId: claims.sub, epoch: claims.epoch, expiresAt: new Date(claims.exp * 1_000) };
  } catch {
    // Which check it failed would help only somebody who is forging one.
    throw refused("token_invalid", "the access token is not valid (any more); log in again", 401);
  }
}
