import { getAddress, isAddress } from "ethers";
import { z } from "zod";
import type { ParaAuthType, ParaIdentity } from "./types.ts";

/** What both `/sessions/verify` and the `data` claim of a Para JWT say about a person. */
export const identityAnswer = z.looseObject({
  authType: z.string().min(1).max(64),
  identifier: z.string().trim().min(1).max(320),
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

/**
 * One spelling per person, so that the same person always finds the same account.
 * Undefined when Para names a way of signing in, or an identifier, that makes no sense to us.
 */
export function normaliseIdentity(
  answer: z.infer<typeof identityAnswer>,
): ParaIdentity | undefined {
  const authType = AUTH_TYPES.get(answer.authType.toLowerCase().replaceAll(/[^a-z]/g, ""));
  if (authType === undefined) return undefined;
  const identifier = normaliseIdentifier(authType, answer.identifier);
  if (identifier === undefined) return undefined;
  const oAuthMethod = answer.oAuthMethod?.trim().toLowerCase();
  return { authType, identifier, ...(oAuthMethod ? { oAuthMethod } : {}) };
}

function normaliseIdentifier(authType: ParaAuthType, identifier: string): string | undefined {
  switch (authType) {
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(identifier) ? identifier.toLowerCase() : undefined;
    case "phone": {
      // E.164: at most 15 digits after the plus sign.
      const digits = identifier.replaceAll(/\D/g, "");
      return digits.length >= 7 && digits.length <= 15 ? `+${digits}` : undefined;
    }
    case "external_wallet":
      // Solana and Cosmos addresses are case-sensitive and have no checksum form of this kind.
      if (!identifier.startsWith("0x")) return identifier;
      return isAddress(identifier) ? getAddress(identifier) : undefined;
    case "farcaster":
      return identifier.toLowerCase();
    case "oauth":
      return identifier.includes("@") ? identifier.toLowerCase() : identifier;
    default:
      // telegram: a number.
      return identifier;
  }
}
