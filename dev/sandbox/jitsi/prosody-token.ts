import { createHmac, createPublicKey, timingSafeEqual, verify } from "node:crypto";
import { z } from "zod";

/** How Prosody is configured: one app and domain verification on. */
export interface TokenRules {
  readonly appId: string;
  /** `app_secret` (HS256), or the public keys by `kid` that its ASAP key server would give (RS256). */
  readonly key: string | ReadonlyMap<string, string>;
  /** Whether the host has an `app_secret`: token/util then expects HS256 of every token, also where a key server gives the key. */
  readonly expectsSharedSecret?: boolean;
  /** The VirtualHost. */
  readonly xmppDomain: string;
}

export interface TokenUser {
  readonly id?: string;
  readonly name?: string;
  readonly email?: string;
  readonly affiliation: "owner" | "member";
}

export type TokenVerdict =
  | { readonly accepted: true; readonly claims: Record<string, unknown>; readonly user: TokenUser }
  | { readonly accepted: false; readonly text: string };

/**
 * Checks a token as luajwtjitsi and token/util of jitsi-meet do, in their order and their words.
 * Deliberately its own code, not the library that signs them.
 */
export function verifyToken(rules: TokenRules, token: unknown): TokenVerdict {
  if (typeof token !== "string" || token === "") return refuse("token required");
  const parts = token.split(".");
  const [headerPart, claimsPart, signaturePart] = parts;
  if (
    parts.length !== 3 ||
    headerPart === undefined ||
    claimsPart === undefined ||
    signaturePart === undefined
  )
    return refuse("Invalid token");
  const header = decodeObject(headerPart);
  const claims = decodeObject(claimsPart);
  if (header === undefined || claims === undefined) return refuse("Invalid json");
  if (header["typ"] !== "JWT") return refuse("Invalid typ");
  const problemOfKey = keyProblem(rules, header, `${headerPart}.${claimsPart}`, signaturePart);
  if (problemOfKey !== undefined) return refuse(problemOfKey);
  const problem = timeProblem(claims) ?? issuerProblem(rules, claims);
  if (problem !== undefined) return refuse(problem);
  return { accepted: true, claims, user: readUser(claims) };
}

/** With a key server the algorithm is RS256 and the header names the key; with a shared secret it is HS256. */
function keyProblem(
  { key, expectsSharedSecret = false }: TokenRules,
  header: Record<string, unknown>,
  signed: string,
  signature: string,
): string | undefined {
  const given = Buffer.from(signature, "base64url");
  const isSignedWith = (secret: string): boolean => {
    const expected = createHmac("sha256", secret).update(signed).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  if (typeof key === "string") {
    if (header["alg"] !== "HS256") return "Invalid or incorrect alg";
    return isSignedWith(key) ? undefined : "Invalid signature";
  }
  if (typeof header["kid"] !== "string") return "'kid' claim is missing";
  const pem = key.get(header["kid"]);
  if (pem === undefined) return "could not obtain public key";
  if (header["alg"] !== (expectsSharedSecret ? "HS256" : "RS256"))
    return "Invalid or incorrect alg";
  if (expectsSharedSecret) return isSignedWith(pem) ? undefined : "Invalid signature";
  return verify("sha256", Buffer.from(signed), createPublicKey(pem), given)
    ? undefined
    : "Invalid signature";
}

/** Whether a verified token opens this room; mod_token_verification's words when it does not. */
export function roomProblem(
  rules: TokenRules,
  claims: Record<string, unknown>,
  room: string,
): string | undefined {
  const claimed = claims["room"];
  const roomMatches =
    claimed === "*" || (typeof claimed === "string" && claimed.toLowerCase() === room);
  const domainMatches =
    claims["sub"] === "*" ||
    (typeof claims["sub"] === "string" && claims["sub"].toLowerCase() === rules.xmppDomain);
  return roomMatches && domainMatches ? undefined : "Room and token mismatched";
}

function timeProblem(claims: Record<string, unknown>): string | undefined {
  const nowS = Math.floor(Date.now() / 1000);
  const { exp, nbf } = claims;
  if (exp !== undefined && typeof exp !== "number") return "exp must be number";
  if (nbf !== undefined && typeof nbf !== "number") return "nbf must be number";
  // No leeway; and a token without exp never expires.
  if (exp !== undefined && nowS >= exp) return `Not acceptable by exp (${nowS - exp})`;
  if (nbf !== undefined && nowS < nbf) return "Not acceptable by nbf";
  return undefined;
}

function issuerProblem(rules: TokenRules, claims: Record<string, unknown>): string | undefined {
  if (claims["iss"] !== rules.appId) return "invalid 'iss' claim";
  if (claims["aud"] !== "jitsi") return "invalid 'aud' claim";
  if (typeof claims["room"] !== "string") return "'room' claim is missing";
  if (typeof claims["sub"] !== "string") return "'sub' claim is missing";
  return undefined;
}

/** `context.user`, with the affiliation that mod_token_affiliation gives. */
function readUser(claims: Record<string, unknown>): TokenUser {
  const context = asObject(claims["context"]);
  const user = asObject(context?.["user"]) ?? {};
  const text = (name: string): string | undefined =>
    typeof user[name] === "string" || typeof user[name] === "number"
      ? String(user[name])
      : undefined;
  const owner =
    ["owner", "moderator", "teacher"].includes(text("affiliation") ?? "") ||
    user["moderator"] === true ||
    user["moderator"] === "true";
  const [id, name, email] = [text("id"), text("name"), text("email")];
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    affiliation: owner ? "owner" : "member",
  };
}

function decodeObject(part: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(Buffer.from(part, "base64url").toString("utf8")));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return z.record(z.string(), z.unknown()).safeParse(value).data;
}

function refuse(text: string): TokenVerdict {
  return { accepted: false, text };
}
