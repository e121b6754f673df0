import { isOperator, readAuctionRules, readPassContract } from "./chain/reader.ts";
import { type JsonRpc, RpcError } from "./chain/rpc.ts";
import { chainIdOf, HexData } from "./chain/types.ts";
import type { ConfigProblem, Configs } from "./config.ts";
import { commonOf, ConfigError } from "./config.ts";
import type { Database } from "./db/database.ts";
import { AppError } from "./errors.ts";
import type { Logger } from "./logging.ts";
import { platformSigners, walletsUnknownToSigner, walletVariable } from "./platform-wallets.ts";

/** The facts of the chain that the configuration points to. */
export interface ChainFacts {
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
}

/** How long a start waits for Postgres and the chain to answer before it gives up. */
const PATIENCE_MS = 60_000;

/** Tries while the other side is away: parts of a deployment start in any order. */
export async function patiently<T>(
  what: string,
  logger: Logger,
  work: () => Promise<T>,
): Promise<T> {
  const startedAtMs = Date.now();
  let pauseMs = 1_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const refusedForGood =
        error instanceof ConfigError || (error instanceof AppError && error.kind === "refuse");
      if (refusedForGood || Date.now() - startedAtMs > PATIENCE_MS) throw error;
      logger.warn(`waiting for ${what}`, {
        error: error instanceof Error ? error.message : String(error),
      });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(pauseMs * 2, 15_000);
    }
  }
}

/**
 * Checks what the configurations of a process say against the chain and the database, before anything is written or sent.
 * @throws ConfigError with every contradiction; AppError `rpc_unavailable` when the chain does not answer.
 */
export async function checkChain(
  configs: Configs,
  rpc: JsonRpc,
  db: Database,
): Promise<ChainFacts> {
  const problems: ConfigProblem[] = [];
  const config = commonOf(configs);
  const meetings = configs.auctions ?? configs.api;
  const chainId = await chainIdOf(rpc);
  const known = await db.query<{ chainId: number }>(
    `SELECT DISTINCT chain_id AS "chainId" FROM chain_cursors`,
  );
  if (known.length > 0 && !known.some((one) => one.chainId === chainId)) {
    problems.push({
      variable: "ETH_HTTP_ENDPOINT",
      problem: `serves chain ${chainId}, but the database holds chain ${known.map((one) => one.chainId).join(", ")}; use an endpoint of that chain, or another database`,
      example: "https://rpc.example.org",
    });
  }
  const auctionContract = config.AUCTION_CONTRACT_ADDRESS.toLowerCase();
  const code = await rpc.call(HexData, "eth_getCode", [auctionContract, "latest"]);
  let passContract = "";
  if (code === "0x") {
    problems.push({
      variable: "AUCTION_CONTRACT_ADDRESS",
      problem: `has no code on chain ${chainId}: nothing is deployed at ${config.AUCTION_CONTRACT_ADDRESS}`,
      example: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    });
  } else {
    try {
      passContract = await readPassContract(rpc, auctionContract);
      const { releaseGraceS } = await readAuctionRules(rpc, auctionContract);
      if (
        meetings !== undefined &&
        meetings.MEETING_MAX_EXTENSION_MINUTES * 60 + meetings.MEETING_REVIEW_S >= releaseGraceS
      ) {
        problems.push({
          variable: "MEETING_MAX_EXTENSION_MINUTES",
          problem: `lets a meeting last beyond the ${releaseGraceS} s after which the contract lets anyone have the host paid: a host who never came could extend and then be paid (MEETING_REVIEW_S counts too)`,
          example: String(Math.max(0, Math.floor(releaseGraceS / 120))),
        });
      }
      const { chain } = configs;
      for (const { address } of chain === undefined ? [] : platformSigners(chain)) {
        if (chain !== undefined && !(await isOperator(rpc, auctionContract, address))) {
          problems.push({
            variable: walletVariable(chain),
            problem: `belongs to ${address}, which lacks OPERATOR_ROLE at ${config.AUCTION_CONTRACT_ADDRESS}: let the contract's admin grant it`,
            example: `0x${"1".repeat(64)}`,
          });
        }
      }
    } catch (error) {
      // Answers that cannot be decoded: some other contract lives there.
      if (error instanceof AppError && !(error instanceof RpcError)) throw error;
      problems.push({
        variable: "AUCTION_CONTRACT_ADDRESS",
        problem: `is not a MeetingAuction: the contract at ${config.AUCTION_CONTRACT_ADDRESS} does not answer as one`,
        example: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
      });
    }
  }
  if (configs.chain !== undefined) problems.push(...(await walletsUnknownToSigner(configs.chain)));
  if (problems.length > 0) throw new ConfigError(problems);
  return { chainId, auctionContract, passContract };
}
