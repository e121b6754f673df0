import { z } from "zod";
import type { Account } from "../../db/people.ts";
import { Address, AddressInput, checksummed, SignatureInput, Time } from "../schema.ts";

export const User = z
  .strictObject({
    id: z.uuid(),
    authType: z.string().meta({ examples: ["email"] }),
    identifier: z.string().meta({ examples: ["alice@example.org"] }),
    displayName: z.string().nullable(),
    wallets: z.array(Address),
  })
  .meta({ id: "User" });

export const SessionAnswer = z
  .strictObject({ token: z.string(), expiresAt: Time, user: User })
  .meta({ id: "Session" });

export const ParaSessionAnswer = z
  .strictObject({ token: z.string(), expiresAt: Time, user: User, wallets: z.array(Address) })
  .meta({ id: "ParaSession" });

export const ParaAuthBody = z
  .strictObject({ verificationToken: z.string().min(1).max(4_096) })
  .meta({ id: "ParaAuth" });

export const ParaSessionBody = z
  .strictObject({
    session: z
      .string()
      .min(1)
      .max(48_000)
      .meta({ description: "What `para.exportSession()` returned" }),
  })
  .meta({ id: "ParaSessionImport" });

export const VerifyAnswer = z
  .strictObject({ user: User, expiresAt: Time })
  .meta({ id: "VerifiedUser" });

export const WalletChallengeBody = z
  .strictObject({ address: AddressInput })
  .meta({ id: "WalletChallengeRequest" });

export const WalletChallengeAnswer = z
  .strictObject({
    challengeId: z.uuid(),
    message: z.string().meta({ description: "The text to sign (EIP-191, `personal_sign`)" }),
    expiresAt: Time,
  })
  .meta({ id: "WalletChallenge" });

export const WalletBody = z
  .strictObject({ challengeId: z.uuid(), signature: SignatureInput })
  .meta({ id: "WalletBinding" });

export const WalletsAnswer = z.strictObject({ wallets: z.array(Address) }).meta({ id: "Wallets" });

/** A user as answers show them. */
export function userView(account: Account): z.input<typeof User> {
  return {
    id: account.id,
    authType: account.authType,
    identifier: account.identifier,
    displayName: account.displayName,
    wallets: account.wallets.map(checksummed),
  };
}
