import { getAddress, isAddress } from "ethers";
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from "jose";
import type { JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { refused, unavailable } from "../errors.ts";
import { boundedFetch } from "../outside/bounded-fetch.ts";
import { identityAnswer, normaliseIdentity } from "./identity.ts";
import type { ParaSession, ParaWallet } from "./types.ts";

const WALLET_TYPES = ["EVM", "SOLANA", "COSMOS"] as const;

const claims = z.looseObject({
  sub: z.string().min(1).max(128),
  exp: z.number(),
  data: identityAnswer.extend({
    userId: z.string().min(1).max(128),
    wallets: z
      .array(
        z.looseObject({
          id: z.string().min(1).max(128),
          type: z.string().max(32),
          address: z.string().max(256).nullish(),
        }),
      )
      .max(100)
      .default([]),
  }),
});

/** Para signs with an asymmetric key (RS256 so far); a JWKS of public keys must never serve as HMAC secret. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];
const CLOCK_TOLERANCE_S = 5;

/** What a Para JWT says of a session. */
export type ConfirmedSession = Omit<ParaSession, "exported">;
export type JwtVerifier = (token: string) => Promise<ConfirmedSession>;

/**
 * Verifies Para JWTs against the keys that Para publishes. The audience is this app's API key id:
 * without it, a JWT of any other app on Para would sign people in here.
 * The verifier throws AppError refuse 401 `para_jwt_invalid`, or retry `para_unavailable` when the keys cannot be read.
 */
export function createJwtVerifier(options: {
  readonly apiBase: string;
  readonly audience: string;
  readonly timeoutMs: number;
}): JwtVerifier {
  const keys = createRemoteJWKSet(new URL(".well-known/jwks.json", options.apiBase), {
    timeoutDuration: options.timeoutMs,
    // The JWTs come from Para itself, so one with a key that is not known yet means that Para has a new one: it is fetched at
    // once. Nobody else can make us fetch.
    cooldownDuration: 0,
    // jose reads answers of any length; the keys are a few kilobytes.
    [customFetch]: async (url) => {
      const { timeoutMs } = options;
      const { status, text } = await boundedFetch(url, { method: "GET", timeoutMs });
      return new Response(status === 200 ? text : null, { status: status === 200 ? 200 : 502 });
    },
  });
  return (token) => verify(token, keys, options.audience);
}

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  audience: string,
): Promise<ConfirmedSession> {
  let payload: unknown;
  try {
    ({ payload } = await jwtVerify(token, keys, {
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ["sub", "exp", "aud"],
    }));
  } catch (error) {
    throw classify(error);
  }
  const parsed = claims.safeParse(payload);
  if (!parsed.success)
    throw unavailable(
      "para_unavailable",
      "Para issued a JWT whose claims are of an unknown shape.",
    );
  const { data, sub, exp } = parsed.data;
  const identity = normaliseIdentity(data);
  if (identity === undefined)
    throw unavailable("para_unavailable", "Para issued a JWT for an identity of an unknown kind.");
  if (data.userId !== sub) throw invalid("its subject and its user differ");
  return {
    identity,
    paraUserId: sub,
    wallets: data.wallets.flatMap(readWallet),
    sessionExpiresAt: new Date(exp * 1000),
  };
}

/** Wallets of kinds we do not know, and wallets without an address yet, are no use to us. */
function readWallet(wallet: {
  readonly id: string;
  readonly type: string;
  readonly address?: string | null | undefined;
}): ParaWallet[] {
  const type = WALLET_TYPES.find((known) => known === wallet.type.toUpperCase());
  if (type === undefined || !wallet.address) return [];
  if (type !== "EVM") return [{ id: wallet.id, type, address: wallet.address }];
  return isAddress(wallet.address)
    ? [{ id: wallet.id, type, address: getAddress(wallet.address) }]
    : [];
}

function classify(error: unknown): Error {
  if (error instanceof errors.JWTExpired) return invalid("it has expired");
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalid(`its claim "${error.claim}" is wrong`);
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalid("its signature is wrong");
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid("its algorithm is not accepted");
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid)
    return invalid("it is not a JWT");
  // Time-outs, broken or unreachable key sets, and keys that Para has not published yet.
  return unavailable("para_unavailable", "Para's signing keys could not be read. Try again.");
}

function invalid(why: string): Error {
  return refused(
    "para_jwt_invalid",
    `Para's JWT for this session is not acceptable: ${why}. Sign in again.`,
    401,
  );
}
