import type { Deployment } from "../db/reads.ts";
import type { ApiDeps } from "./context.ts";

/** The chain and auction contract this API serves, in the form of the database. */
export function deploymentOf(deps: Pick<ApiDeps, "reader">): Deployment {
  return { chainId: deps.reader.chainId, contract: deps.reader.auctionContract.toLowerCase() };
}
