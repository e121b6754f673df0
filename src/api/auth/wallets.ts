import { randomBytes, randomUUID } from "node:crypto";
import { hashMessage, verifyMessage } from "ethers";
import type { ChainReader } from "../../chain/reader.ts";
import {
  type Account,
  createWalletChallenge,
  findWalletChallenge,
  spendWalletChallenge,
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

/** A one-time text by which a user can show that a wallet is theirs. */
export async function challengeWallet(
  deps: ApiDeps,
  account: Account,
  address: string,
): Promise<{ id: string; message: string; expiresAt: Date }> {
  const expiresAt = new Date(Date.now() + CHALLENGE_TTL_S * 1_000);
  const id = randomUUID();
  const message = [
    `${serviceDomain(deps.config)} asks you to prove that this wallet is yours.`,
    "",
    `Wallet: ${checksummed(address)}`,
    `Account: ${account.id}`,
    `Chain ID: ${deps.reader.chainId}`,
    `Nonce: ${randomBytes(16).toString("hex")}`,
    `Expires: ${expiresAt.toISOString()}`,
    "",
    "Signing costs nothing and sends no transaction.",
  ].join("\n");
  await createWalletChallenge(deps.db, { id, userId: account.id, address, message, expiresAt });
  return { id, message, expiresAt };
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
  if (!(await isSignatureOf(deps.reader, challenge.address, challenge.message, signature))) {
    throw refused(
      "signature_invalid",
      "the signature is not that wallet's over that challenge",
      403,
    );
  }
  await spendWalletChallenge(deps.db, account.id, challenge);
}
