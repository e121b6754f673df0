import { z } from "zod";
import type { Account } from "../../db/people.ts";
import { Address, AddressInput, checksummed, SignatureInput, Time } from "../schema.ts";

const Token = z.string().max(4_000);
const Wallets = z.array(Address).max(1_000);

export const User = z
  .strictObject({
    id: z.uuid(),
    authType: z
      .string()
      .max(40)
      .meta({ examples: ["email"] }),
    identifier: z
      .string()
      .max(400)
      .meta({ examples: ["alice@example.org"] }),
    displayName: z.string().max(400).nullable(),
    wallets: Wallets,
  })
  .meta({ id: "User" });

export const SessionAnswer = z
  .strictObject({ token: Token, expiresAt: Time, user: User })
  .meta({ id: "Session" });

export const ParaSessionAnswer = z
  .strictObject({ token: Token, expiresAt: Time, user: User, wallets: Wallets })
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
    message: z
      .string()
      .max(4_000)
      .meta({ description: "The text to sign (EIP-191, `personal_sign`)" }),
    expiresAt: Time,
  })
  .meta({ id: "WalletChallenge" });

export const WalletBody = z
  .strictObject({ challengeId: z.uuid(), signature: SignatureInput })
  .meta({ id: "WalletBinding" });

export const WalletsAnswer = z.strictObject({ wallets: Wallets }).meta({ id: "Wallets" });

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
