import { z } from "zod";
import type { Queryable } from "../../db/database.ts";
import { operationKey } from "../../domain/process.ts";
import { AppError } from "../../errors.ts";
import { meetingAuctionInterface } from "../contracts.ts";
import { ourEvents } from "../indexing/decode.ts";
import { readCursor } from "../indexing/store.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import { type Block, type Log, LogSchema } from "../types.ts";

const BID_PLACED = meetingAuctionInterface.getEvent("BidPlaced")?.topicHash;
/** An index that is further behind is an outage; then an end that goes out for nothing is the smaller evil. */
const MAX_BLOCKS = 64;

export interface ExtensionOptions {
  readonly rpc: JsonRpc;
  readonly db: Queryable;
  readonly chainId: number;
  readonly auctionContract: string;
}

/**
 * The keys of ends that must not go out with the next block, because bids have moved them in blocks up to `head` which the
 * indexer has not read yet. When the next block is the first that may hold an end, `head` is the last one that may hold a bid
 * for it: looking there makes sure that no end goes out that is already void. It holds for this round only: what the index says
 * once it has read those blocks, or others in their place, is what counts. If the chain cannot be read nothing is held back, as
 * an end that is sent for nothing is only asked for again, and one that is not sent is late.
 */
export async function extendedByUnreadBids(
  options: ExtensionOptions,
  head: Block,
  nextTimestampS: number,
): Promise<string[]> {
  const { rpc, db, chainId, auctionContract } = options;
  const cursor = await readCursor(db, chainId);
  if (cursor === undefined || cursor.blockNumber >= head.number) return [];
  const from = Math.max(cursor.blockNumber + 1, head.number - MAX_BLOCKS);
  let logs: Log[];
  try {
    logs = await rpc.call(z.array(LogSchema), "eth_getLogs", [
      {
        fromBlock: `0x${from.toString(16)}`,
        toBlock: `0x${head.number.toString(16)}`,
        address: auctionContract,
        topics: [BID_PLACED],
      },
    ]);
  } catch (error) {
    if (error instanceof AppError || error instanceof RpcError) return [];
    throw error;
  }
  return ourEvents(logs, auctionContract, auctionContract)
    .filter((bid) => bid.name === "BidPlaced" && Number(bid.args["endTime"]) > nextTimestampS)
    .map((bid) =>
      operationKey("end", { chainId, contract: auctionContract, auctionId: bid.auctionId ?? "" }),
    );
}
