import { meetingAuctionInterface, meetingPassInterface } from "../contracts.ts";
import type { Log } from "../types.ts";

/** Where an event stands on the chain. */
export interface EventPlace {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly blockTimestampS: number;
  readonly transactionHash: string;
  readonly logIndex: number;
  readonly address: string;
}

/** A decoded contract event: names as in the contract; addresses and hashes lower-case, integers as decimal strings. */
export interface ChainEvent extends EventPlace {
  readonly name: string;
  readonly auctionId: string | null;
  readonly args: Readonly<Record<string, string | boolean>>;
}

function plain(value: unknown): string | boolean {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "string") return value.startsWith("0x") ? value.toLowerCase() : value;
  if (typeof value === "boolean") return value;
  throw new TypeError(`a contract event holds a value of a kind nobody expected: ${typeof value}`);
}

/** Decodes a log of one of our two contracts; undefined for events this product does not know (roles, approvals …). */
export function decodeLog(
  log: Log,
  blockTimestampS: number,
  auctionContract: string,
): ChainEvent | undefined {
  const fromAuction = log.address === auctionContract;
  const parsed = (fromAuction ? meetingAuctionInterface : meetingPassInterface).parseLog(log);
  if (parsed === null) return undefined;
  const args: Record<string, string | boolean> = {};
  for (const [index, input] of parsed.fragment.inputs.entries())
    args[input.name] = plain(parsed.args[index]);
  // A pass has the id of its auction.
  const id = args["auctionId"] ?? args["tokenId"];
  return {
    name: parsed.name,
    auctionId: typeof id === "string" ? id : null,
    args,
    blockNumber: log.blockNumber,
    blockHash: log.blockHash,
    blockTimestampS,
    transactionHash: log.transactionHash,
    logIndex: log.logIndex,
    address: log.address,
  };
}
