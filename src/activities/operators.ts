import { AUCTION_STATES } from "../chain/contracts.ts";
import { loadAuction } from "../chain/indexing/auctions.ts";
import { readCursor } from "../chain/indexing/store.ts";
import { readAuctionState } from "../chain/reader.ts";
import type { JsonRpc } from "../chain/rpc.ts";
import { latestBlock } from "../chain/types.ts";
import type { Database } from "../db/database.ts";
import {
  pauseWallet,
  type PerformedAction,
  recordOperatorAction,
  resumeWallet,
  type WalletCommand,
} from "../db/operators.ts";
import type { AuctionRef, ChainReport } from "../domain/process.ts";
import type { Logger } from "../logging.ts";

export interface OperatorActivityOptions {
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly logger: Logger;
}

/** What the commands of operators do. Each may run more than once and has its effect once. */
export function createOperatorActivities({ db, rpc, logger }: OperatorActivityOptions) {
  return {
    async recordOperatorAction(action: PerformedAction): Promise<void> {
      if (await recordOperatorAction(db, action))
        logger.warn("an operator has given a command", {
          action: action.action,
          target: action.target,
          by: action.by,
          reason: action.reason,
        });
    },

    /** Asks the contract itself about an auction. @throws AppError `rpc_unavailable` (retry) */
    lookAtChain: (ref: AuctionRef): Promise<ChainReport> => lookAtChain(db, rpc, ref),

    async pauseWallet(command: WalletCommand): Promise<void> {
      await db.transaction((tx) => pauseWallet(tx, command));
      logger.warn("an operator has paused a wallet", { ...command });
    },

    async resumeWallet(command: WalletCommand): Promise<void> {
      await db.transaction((tx) => resumeWallet(tx, command));
      logger.warn("an operator has resumed a wallet", { ...command });
    },
  };
}

const STATE_NAMES = new Map<number, string>(
  Object.entries(AUCTION_STATES).map(([name, code]) => [code, name.toLowerCase()]),
);

/** What the projection calls the states of the contract. */
const PHASES: Readonly<Record<string, readonly string[]>> = {
  none: [],
  active: ["bidding"],
  ended: ["sold", "unsold"],
  cancelled: ["cancelled"],
  closed: ["closed"],
};

/** What the contract says of an auction beside what the database says. @throws AppError `rpc_unavailable` (retry) */
export async function lookAtChain(
  db: Database,
  rpc: JsonRpc,
  { chainId, contract, auctionId }: AuctionRef,
): Promise<ChainReport> {
  const head = await latestBlock(rpc);
  const [state, cursor, projection] = await Promise.all([
    readAuctionState(rpc, contract, auctionId),
    readCursor(db, chainId),
    loadAuction(db, chainId, contract, auctionId),
  ]);
  const onChain = {
    state: STATE_NAMES.get(state.state) ?? String(state.state),
    endsAtMs: state.endTimeS * 1000,
    winner: state.winner,
    highBidWei: state.highBidWei,
  };
  const inDatabase =
    projection === undefined
      ? null
      : {
          phase: projection.phase,
          endsAtMs: projection.endsAtS * 1000,
          winner: projection.winner,
        };
  const differences: string[] = [];
  if (inDatabase === null) {
    if (onChain.state !== "none") differences.push("the database does not know the auction");
  } else {
    if (PHASES[onChain.state]?.includes(inDatabase.phase) !== true)
      differences.push(`on chain it is ${onChain.state}, in the database ${inDatabase.phase}`);
    if (onChain.endsAtMs !== inDatabase.endsAtMs) differences.push("the end is another");
    if (onChain.winner !== inDatabase.winner) differences.push("the winner is another");
  }
  return {
    blockNumber: head.number,
    onChain,
    inDatabase,
    indexedBlock: cursor?.blockNumber ?? null,
    differences,
  };
}
