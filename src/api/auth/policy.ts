import { createHash, timingSafeEqual } from "node:crypto";
import { findAccount } from "../../db/people.ts";
import { refused } from "../../errors.ts";
import type { Secret } from "../../secret.ts";
import type { ApiDeps } from "../context.ts";
import type { Policy, Session } from "../route.ts";
import { verifyAccessToken } from "./tokens.ts";

const BEARER = /^Bearer ([^\s]+)$/i;

function bearer(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1];
}

/** Compares without telling by its time how much was right; hashing first makes lengths equal. */
function sameSecret(given: string, expected: Secret): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected.reveal()));
}

/**
 * The session a token stands for.
 * @throws AppError refuse 401 `token_invalid`, also after the user has logged out since.
 */
export async function sessionOf(
  token: string,
  deps: Pick<ApiDeps, "config" | "db">,
): Promise<Session> {
  const claims = verifyAccessToken(token, deps.config.JWT_SECRET);
  const account = await findAccount(deps.db, claims.userId);
  if (account === undefined || account.sessionEpoch !== claims.epoch)
    throw refused("token_invalid", "the access token is not valid (any more); log in again", 401);
  return { ...account, expiresAt: claims.expiresAt };
}

/** Lets a request through its route's policy, and tells who is behind it. @throws AppError refuse 401 */
export async function authorise(
  policy: Policy,
  authorization: string,
  deps: ApiDeps,
): Promise<Session | undefined> {
  switch (policy) {
    case "anyone":
      return undefined;
    case "maybe-user":
      if (authorization === "") return undefined;
      return authorise("user", authorization, deps);
    case "user": {
      const token = bearer(authorization);
      if (token === undefined)
        throw refused("token_missing", "send an access token: Authorization: Bearer <token>", 401);
      return sessionOf(token, deps);
    }
    case "jitsi": {
      const given = bearer(authorization);
      if (given === undefined || !sameSecret(given, deps.config.JITSI_INTEGRATION_SECRET))
        throw refused(
          "integration_secret_wrong",
          "this route takes the integration secret as bearer token",
          401,
        );
      return undefined;
    }
  }
}
