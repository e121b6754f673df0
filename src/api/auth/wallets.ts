import { createHmac, randomUUID } from "node:crypto";
import { hashMessage, verifyMessage } from "ethers";
import type { ChainReader } from "../../chain/reader.ts";
import {
  type Account,
  createWalletChallenge,
  findWalletChallenge,
  spendWalletChallenge,
  type WalletChallenge,
} from "../../db/people.ts";
import { refused } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import { checksummed } from "../schema.ts";
import { serviceDomain } from "../service-domain.ts";

const CHALLENGE_TTL_S = 300;

/**
 * Whether `signature` over the text is that wallet's: an ECDSA signature by its key, or one the contract at that
 * address accepts (EIP-1271).
 */
export async function isSignatureOf(
  reader: ChainReader,
  wallet: string,
  message: string,
  signature: string,
): Promise<boolean> {
  try {
    if (verifyMessage(message, signature).toLowerCase() === wallet.toLowerCase()) return true;
  } catch {
    // Not an ECDSA signature at all: a contract wallet's may look like anything.
  }
  return reader.isContractSignatureValid(wallet, hashMessage(message), signature);
}

/**
 * The text a challenge asks a wallet to sign. Its nonce is made of the challenge's id and our key, so that the text can be
 * made anew when the signature comes, and whoever reads the database cannot know it.
 */
function challengeMessage(deps: ApiDeps, account: Account, challenge: WalletChallenge): string {
  const nonce = createHmac("sha256", deps.config.JWT_SECRET.reveal())
    .update(`wallet challenge ${challenge.id}`)
    .digest("hex")
    .slice(0, 32);
  return [
    `${serviceDomain(deps.config)} asks you to prove that this wallet is yours.`,
    "",
    `Wallet: ${checksummed(challenge.address)}`,
    `Account: ${account.id}`,
    `Chain ID: ${deps.reader.chainId}`,
    `Nonce: ${nonce}`,
    `Expires: ${challenge.expiresAt.toISOString()}`,
    "",
    "Signing costs nothing and sends no transaction.",
  ].join("\n");
}

/** A one-time text by which a user can show that a wallet is theirs. */
export async function challengeWallet(
  deps: ApiDeps,
  account: Account,
  address: string,
): Promise<{ id: string; message: string; expiresAt: Date }> {
  const expiresAt = new Date(Date.now() + CHALLENGE_TTL_S * 1_000);
  const challenge = { id: randomUUID(), address, expiresAt };
  await createWalletChallenge(deps.db, account.id, challenge);
  return { id: challenge.id, message: challengeMessage(deps, account, challenge), expiresAt };
}

/**
 * Binds the wallet of a challenge that its signature answers.
 * @throws AppError refuse 409 `challenge_spent`, `wallet_taken`; 403 `signature_invalid`
 */
export async function bindWalletBySignature(
  deps: ApiDeps,
  account: Account,
  challengeId: string,
  signature: string,
): Promise<void> {
  const challenge = await findWalletChallenge(deps.db, account.id, challengeId);
  if (challenge === undefined)
    throw refused(
      "challenge_spent",
      "the challenge has been used or has expired; ask for a new one",
      409,
    );
  const message = challengeMessage(deps, account, challenge);
  if (!(await isSignatureOf(deps.reader, challenge.address, message, signature))) {
    throw refused(
      "signature_invalid",
      "the signature is not that wallet's over that challenge",
      403,
    );
  }
  await spendWalletChallenge(deps.db, account.id, challenge);
}
