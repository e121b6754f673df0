import {
  localSigner,
  RemoteSigner,
  type TransactionSigner,
  walletsOfSigner,
} from "./chain/sending/signer.ts";
import type { ConfigProblem } from "./config-error.ts";
import type { ChainWorkerConfig } from "./config.ts";

type WalletConfig = Pick<
  ChainWorkerConfig,
  "PLATFORM_PRIVATE_KEY" | "PLATFORM_SIGNER_URL" | "PLATFORM_WALLETS"
>;

/** Who signs for the platform: its keys, or a signer elsewhere that has them. */
export function platformSigners(config: WalletConfig): readonly TransactionSigner[] {
  const { PLATFORM_SIGNER_URL: url, PLATFORM_WALLETS: wallets } = config;
  if (url !== undefined && wallets !== undefined)
    return wallets.map((wallet) => new RemoteSigner(url, wallet));
  return (config.PLATFORM_PRIVATE_KEY ?? []).map((key) => localSigner(key.reveal()));
}

/** The variable that says which wallets there are. */
export function walletVariable(config: WalletConfig): "PLATFORM_WALLETS" | "PLATFORM_PRIVATE_KEY" {
  return config.PLATFORM_SIGNER_URL === undefined ? "PLATFORM_PRIVATE_KEY" : "PLATFORM_WALLETS";
}

/**
 * What is wrong with the configured wallets as their signer sees them.
 * @throws AppError retry `signer_unavailable`; refuse `signer_refused`
 */
export async function walletsUnknownToSigner(config: WalletConfig): Promise<ConfigProblem[]> {
  const { PLATFORM_SIGNER_URL: url, PLATFORM_WALLETS: wallets = [] } = config;
  if (url === undefined) return [];
  const known = new Set(await walletsOfSigner(url));
  return wallets
    .filter((wallet) => !known.has(wallet))
    .map((wallet) => ({
      variable: "PLATFORM_WALLETS",
      problem: `names ${wallet}, for which the signer at PLATFORM_SIGNER_URL has no key`,
      example: [...known][0] ?? wallet,
    }));
}
