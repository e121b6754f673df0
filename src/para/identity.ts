import { getAddress, isAddress } from "ethers";
import { z } from "zod";
import type { ParaAuthType, ParaIdentity } from "./types.ts";

/** What both `/sessions/verify` and the `data` claim of a Para JWT say about a person. */
export const identityAnswer = z.looseObject({
  authType: z.string().min(1).max(64),
  identifier: z.string().min(1).max(320),
  oAuthMethod: z.string().max(64).nullish(),
});

const AUTH_TYPES = new Map<string, ParaAuthType>([
  ["email", "email"],
  ["phone", "phone"],
  ["farcaster", "farcaster"],
  ["telegram", "telegram"],
  ["externalwallet", "external_wallet"],
  ["oauth", "oauth"],
]);

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

const EMAIL = /^[^\s@]+@[^\s@]+$/;

/**
 * One spelling per person, so that the same person always finds the same account.
 * Undefined when Para names a way of signing in, or an identifier, that makes no sense to us.
 */
export function normaliseIdentity(
  answer: z.infer<typeof identityAnswer>,
): ParaIdentity | undefined {
  // What Postgres cannot hold, or would hold as something else, would be a failure of ours or another person's name.
  if (!answer.identifier.isWellFormed() || CONTROLS.test(answer.identifier)) return undefined;
  const authType = AUTH_TYPES.get(answer.authType.toLowerCase().replaceAll(/[^a-z]/g, ""));
  if (authType === undefined) return undefined;
  const identifier = normaliseIdentifier(authType, trimmed(answer.identifier));
  if (identifier === undefined || identifier === "") return undefined;
  const oAuthMethod = methodOf(answer.oAuthMethod);
  const method = oAuthMethod === undefined ? {} : { oAuthMethod };
  if (authType !== "oauth" || EMAIL.test(identifier)) return { authType, identifier, ...method };
  // Without its provider a handle names nobody in particular.
  if (oAuthMethod === undefined) return undefined;
  const named = `${oAuthMethod}:${identifier}`;
  return { authType, identifier: named, formerIdentifier: identifier, oAuthMethod };
}

function methodOf(text: string | null | undefined): string | undefined {
  const method = lowerCase(text?.trim() ?? "");
  // One provider, which Para has by both names.
  return method === "twitter" ? "x" : method || undefined;
}

function trimmed(text: string): string {
  return text.replaceAll(/^ +| +$/g, "");
}

/**
 * Lower-case in ASCII and nowhere else: Unicode maps foreign letters on ASCII ones (the Kelvin sign on "k"), and somebody
 * with such an address must not find the account of somebody with the plain one.
 */
function lowerCase(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function normaliseIdentifier(authType: ParaAuthType, identifier: string): string | undefined {
  switch (authType) {
    case "email":
      return EMAIL.test(identifier) ? lowerCase(identifier) : undefined;
    case "phone": {
      // E.164: at most 15 digits after the plus sign.
      if (!/^\+?[0-9 ().-]+$/.test(identifier)) return undefined;
      const digits = identifier.replaceAll(/\D/g, "");
      return digits.length >= 7 && digits.length <= 15 ? `+${digits}` : undefined;
    }
    case "external_wallet":
      if (isAddress(identifier)) return getAddress(identifier);
      // Solana and Cosmos addresses are case-sensitive and have no checksum form of this kind.
      return /^(?!0x)[A-Za-z0-9]+$/i.test(identifier) ? identifier : undefined;
    case "farcaster":
      return lowerCase(identifier);
    case "oauth":
      return identifier.includes("@") ? lowerCase(identifier) : identifier;
    default:
      // telegram: a number.
      return identifier;
  }
}
