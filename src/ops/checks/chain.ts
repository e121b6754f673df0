import { isOperator, readPassContract } from "../../chain/reader.ts";
import { JsonRpc, RpcError } from "../../chain/rpc.ts";
import { type Block, chainIdOf, HexData, latestBlock } from "../../chain/types.ts";
import { type Finding, problem } from "../finding.ts";
import type { Sight } from "../sight.ts";

/** What is known of the chain once it answers. */
export interface ChainSight {
  readonly chainId: number;
  readonly head: Block;
}

/** A head older than this is news on every chain there is. */
const STANDS_STILL_S = 180;

/** Asks every endpoint. No chain when none answers. */
export async function checkEndpoints(
  sight: Sight,
): Promise<{ readonly findings: Finding[]; readonly chain: ChainSight | undefined }> {
  const endpoints = sight.config.ETH_HTTP_ENDPOINT;
  const findings: Finding[] = [];
  const ids = await Promise.all(
    endpoints.map(async (endpoint) => {
      try {
        return await chainIdOf(
          new JsonRpc({ endpoints: [endpoint], timeoutMs: sight.config.ETH_TIMEOUT_MS }),
        );
      } catch {
        return undefined;
      }
    }),
  );
  // The rest of an address may hold a key.
  const hosts = endpoints.map((endpoint) => new URL(endpoint).host);
  const silent = hosts.filter((_, index) => ids[index] === undefined);
  if (silent.length > 0) {
    const all = silent.length === hosts.length;
    findings.push(
      problem(
        "rpc-down",
        `${all ? "no RPC endpoint answers" : "an RPC endpoint does not answer"} (${silent.join(", ")})`,
        "see whether the node or the provider is up, and whether its key is still good; put another endpoint into ETH_HTTP_ENDPOINT meanwhile",
      ),
    );
    if (all) return { findings, chain: undefined };
  }
  const chainIds = new Set(ids.filter((id) => id !== undefined));
  if (chainIds.size > 1)
    findings.push(
      problem(
        "wrong-chain",
        `the RPC endpoints serve different chains: ${[...chainIds].join(", ")}`,
        "take the wrong ones out of ETH_HTTP_ENDPOINT",
      ),
    );
  const chainId = await chainIdOf(sight.rpc);
  const head = await latestBlock(sight.rpc);
  const ageS = Math.round(Date.now() / 1000 - head.timestampS);
  if (ageS > STANDS_STILL_S)
    findings.push(
      problem(
        "chain-stands-still",
        `the newest block (${head.number}) is ${ageS} s old`,
        "the nodes do not follow the chain, or the chain itself has stopped: ask the provider, add another endpoint",
      ),
    );
  return { findings, chain: { chainId, head } };
}

/** The contract itself. */
export async function checkContract(sight: Sight, { chainId }: ChainSight): Promise<Finding[]> {
  const { rpc, auctionContract } = sight;
  const at = `${sight.config.AUCTION_CONTRACT_ADDRESS} on chain ${chainId}`;
  const wrong = (what: string): Finding[] => [
    problem(
      "contract-missing",
      what,
      "set AUCTION_CONTRACT_ADDRESS and ETH_HTTP_ENDPOINT to where the auctions are",
    ),
  ];
  const code = await rpc.call(HexData, "eth_getCode", [auctionContract, "latest"]);
  if (code === "0x") return wrong(`there is no contract at ${at}`);
  try {
    await readPassContract(rpc, auctionContract);
    return [];
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return wrong(`the contract at ${at} does not answer as a MeetingAuction`);
  }
}

/** Whether the wallets that work may do what they are for. */
export async function checkRoles(
  { rpc, auctionContract }: Sight,
  wallets: readonly string[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const wallet of wallets)
    if (!(await isOperator(rpc, auctionContract, wallet)))
      findings.push(
        problem(
          "operator-role-missing",
          `the wallet ${wallet} lacks OPERATOR_ROLE at the auction contract: it can neither mint nor settle`,
          "let the contract's admin grant the role, then npm run ops -- retry for every auction that waits",
        ),
      );
  return findings;
}
