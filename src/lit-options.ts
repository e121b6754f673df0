import { ConfigError } from "./config-error.ts";
import type { ApiConfig } from "./config.ts";
import {
  type AccessGateOptions,
  computeActionCid,
  parseAuthSig,
  pinAction,
  readAction,
} from "./lit/index.ts";
import type { ChainFacts } from "./preflight.ts";

/** Lit is on the way of a person who waits: longer than this and the answer is 503. */
const TIMEOUT_MS = 15_000;

/**
 * The configuration of Lit as its client wants it. The text of the access action is the one in contracts/lit (or in
 * LIT_ACTION_FILE), with this deployment written into it when LIT_ACTION_RPC_URL is set, and its CID must be the
 * configured one: the PKP signs for that CID, so that another text would be refused by Lit, or worse, obeyed.
 * @throws ConfigError when the action is not the one of LIT_ACTION_IPFS_CID
 */
export function accessGateOptions(
  config: ApiConfig,
  chain: Pick<ChainFacts, "chainId" | "passContract">,
): AccessGateOptions {
  const actionSource = actionOf(config, chain);
  const actionCid = computeActionCid(actionSource);
  if (actionCid !== config.LIT_ACTION_IPFS_CID) {
    throw new ConfigError([
      {
        variable: "LIT_ACTION_IPFS_CID",
        problem: `is not the CID of the access action: ${describe(config, chain)} has the CID ${actionCid}. Permit the key for that CID and set it here, or give the action's text by LIT_ACTION_FILE`,
        example: actionCid,
      },
    ]);
  }
  const delegation = parseAuthSig(config.LIT_CAPACITY_DELEGATION_AUTH_SIG?.reveal() ?? "");
  return {
    network: config.LIT_NETWORK,
    actionCid,
    actionSource,
    pkpPublicKey: config.LIT_PKP_PUBLIC_KEY,
    signer: config.LIT_SIGNER,
    timeoutMs: TIMEOUT_MS,
    ...(config.LIT_API_KEY === undefined ? {} : { apiKey: config.LIT_API_KEY.reveal() }),
    ...(config.LIT_API_URL === undefined ? {} : { apiUrl: config.LIT_API_URL }),
    ...(config.LIT_RPC_URL === undefined ? {} : { rpcUrl: config.LIT_RPC_URL }),
    ...(config.LIT_STAKING_ADDRESS === undefined
      ? {}
      : { stakingAddress: config.LIT_STAKING_ADDRESS }),
    ...(config.LIT_BLOCKHASH_URL === undefined ? {} : { blockhashUrl: config.LIT_BLOCKHASH_URL }),
    ...(config.LIT_SERVER_PRIVATE_KEY === undefined
      ? {}
      : { serverPrivateKey: config.LIT_SERVER_PRIVATE_KEY.reveal() }),
    ...(delegation === undefined ? {} : { capacityDelegationAuthSig: delegation }),
  };
}

/** The text of the action for this deployment. @throws ConfigError when it has no place for the deployment */
export function actionOf(
  config: Pick<ApiConfig, "LIT_ACTION_FILE" | "LIT_ACTION_RPC_URL">,
  chain: Pick<ChainFacts, "chainId" | "passContract">,
): string {
  const source = readAction(config.LIT_ACTION_FILE);
  const rpcUrls = config.LIT_ACTION_RPC_URL;
  if (rpcUrls === undefined) return source;
  try {
    return pinAction(source, { chainId: chain.chainId, contract: chain.passContract, rpcUrls });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const problem = `names a text that has no place for the deployment: ${error.message}`;
    throw new ConfigError([
      { variable: "LIT_ACTION_FILE", problem, example: "contracts/lit/access-action.js" },
    ]);
  }
}

function describe(config: ApiConfig, chain: Pick<ChainFacts, "chainId" | "passContract">): string {
  const file = config.LIT_ACTION_FILE ?? "contracts/lit/access-action.js";
  return config.LIT_ACTION_RPC_URL === undefined
    ? file
    : `${file} with chain ${chain.chainId}, contract ${chain.passContract} and LIT_ACTION_RPC_URL in it`;
}
