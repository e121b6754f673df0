import { refused, unavailable } from "../errors.ts";
import { boundedFetch, OutsideError, parseJson } from "../outside/bounded-fetch.ts";
import { identityAnswer, normaliseIdentity } from "./identity.ts";
import type { ParaIdentity } from "./types.ts";

export interface TokenVerifierOptions {
  readonly apiBase: string;
  readonly secretApiKey: string;
  readonly timeoutMs: number;
}

const MAX_TOKEN_CHARS = 2048;

/**
 * Asks Para whose session a verification token is (`POST /sessions/verify` with the secret key).
 * The token is opaque and lives as long as its session; only 403 means that it is no good, every
 * other unexpected answer is Para's trouble and must never read as "logged out".
 * @throws AppError refuse 401 `para_token_invalid`; retry `para_unavailable`.
 */
export async function verifyToken(
  options: TokenVerifierOptions,
  verificationToken: string,
): Promise<ParaIdentity> {
  if (verificationToken.length === 0 || verificationToken.length > MAX_TOKEN_CHARS)
    throw invalidToken();
  try {
    const answer = await boundedFetch(`${options.apiBase}sessions/verify`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        "x-external-api-key": options.secretApiKey,
      },
      body: JSON.stringify({ verificationToken }),
      timeoutMs: options.timeoutMs,
    });
    if (answer.status === 403) throw invalidToken();
    if (answer.status < 200 || answer.status > 299)
      throw new OutsideError(`status ${answer.status}`, answer.status);
    const parsed = identityAnswer.safeParse(parseJson(answer));
    const identity = parsed.success ? normaliseIdentity(parsed.data) : undefined;
    if (identity === undefined)
      throw new OutsideError("an answer of an unknown shape", answer.status);
    return identity;
  } catch (error) {
    if (error instanceof OutsideError)
      throw unavailable(
        "para_unavailable",
        `Para could not verify the token: ${error.message}. Try again.`,
        error,
      );
    throw error;
  }
}

function invalidToken(): Error {
  return refused(
    "para_token_invalid",
    "Para does not accept this verification token: it has expired or is not one. Sign in again.",
    401,
  );
}
