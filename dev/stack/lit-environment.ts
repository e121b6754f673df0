import { z } from "zod";
import { computeActionCid } from "../../src/lit/action-cid.ts";
import { pinAction, readAction } from "../../src/lit/action.ts";

const nodes = z.object({
  network: z.string(),
  rpcUrl: z.string(),
  stakingAddress: z.string(),
  blockhashUrl: z.string(),
  pkpPublicKey: z.string(),
  actionCid: z.string(),
  chipotle: z.object({
    network: z.string(),
    apiUrl: z.string(),
    apiKey: z.string(),
    accountKey: z.string(),
    pkpAddress: z.string(),
    groupId: z.number(),
  }),
});

/**
 * The variables by which the product uses the Lit sandbox (its `/__sandbox/config`): as nodes of v7, or with
 * LIT_NETWORK=chipotle in the environment of the stack as the REST service. For that one the deployment is written into
 * the access action and its CID permitted, as an operator does it.
 */
export async function litEnvironment(
  config: unknown,
  wanted: {
    readonly network: string | undefined;
    readonly chainId: number;
    readonly passAddress: string;
    readonly chainRpcUrl: string;
  },
): Promise<Readonly<Record<string, string>>> {
  const { chipotle, ...v7 } = nodes.parse(config);
  if (wanted.network !== "chipotle")
    return {
      LIT_NETWORK: v7.network,
      LIT_RPC_URL: v7.rpcUrl,
      LIT_STAKING_ADDRESS: v7.stakingAddress,
      LIT_BLOCKHASH_URL: v7.blockhashUrl,
      LIT_PKP_PUBLIC_KEY: v7.pkpPublicKey,
      LIT_ACTION_IPFS_CID: v7.actionCid,
    };
  const { chainId, passAddress: contract, chainRpcUrl } = wanted;
  const source = pinAction(readAction(), { chainId, contract, rpcUrls: [chainRpcUrl] });
  const cid = computeActionCid(source);
  const answer = await fetch(`${chipotle.apiUrl}/core/v1/add_action_to_group`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": chipotle.accountKey },
    body: JSON.stringify({ group_id: chipotle.groupId, action_ipfs_cid: cid }),
  });
  if (!answer.ok) throw new Error(`the Lit sandbox did not permit the action: ${answer.status}`);
  return {
    LIT_NETWORK: chipotle.network,
    LIT_API_URL: chipotle.apiUrl,
    LIT_API_KEY: chipotle.apiKey,
    LIT_PKP_PUBLIC_KEY: chipotle.pkpAddress,
    LIT_ACTION_RPC_URL: chainRpcUrl,
    LIT_ACTION_IPFS_CID: cid,
  };
}
