import type { Interface } from "ethers";
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

/** One word of an event's data, or a topic, as this product has values. */
type Reader = (word: string) => string | boolean;

const READERS: Readonly<Record<string, Reader>> = {
  address: (word) => `0x${word.slice(24)}`,
  bool: (word) => word.endsWith("1"),
  bytes32: (word) => `0x${word}`,
};

/** A log of our contracts that makes no sense, and why. */
export interface UnreadLog {
  readonly log: Log;
  readonly reason: string;
}

interface EventShape {
  readonly name: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly indexed: boolean;
    readonly read: Reader;
  }[];
}

/**
 * The events of a contract by their first topic. All their arguments are single words, so that decoding is cutting: ethers'
 * general decoder takes most of a backfill's time.
 * @throws TypeError for an event with an argument of another kind: it has to be read in another way
 */
export function shapesOf(contract: Interface): ReadonlyMap<string, EventShape> {
  const shapes = new Map<string, EventShape>();
  contract.forEachEvent((event) => {
    const inputs = event.inputs.map(({ name, type, indexed }) => {
      const read = type.startsWith("uint")
        ? (word: string): string => BigInt(`0x${word}`).toString()
        : READERS[type];
      if (read === undefined)
        throw new TypeError(`${event.name} holds a value of a kind nobody expected: ${type}`);
      return { name, indexed: indexed === true, read };
    });
    shapes.set(event.topicHash, { name: event.name, inputs });
  });
  return shapes;
}

const AUCTION_EVENTS = shapesOf(meetingAuctionInterface);
const PASS_EVENTS = shapesOf(meetingPassInterface);
const WORD = 64;

/**
 * Decodes a log of one of our two contracts; undefined for events this product does not know.
 * @throws TypeError when the log does not have the form of its event
 */
export function decodeLog(
  log: Log,
  blockTimestampS: number,
  auctionContract: string,
): ChainEvent | undefined {
  const shapes = log.address === auctionContract ? AUCTION_EVENTS : PASS_EVENTS;
  const shape = shapes.get(log.topics[0] ?? "");
  if (shape === undefined) return undefined;
  const args: Record<string, string | boolean> = {};
  let topic = 1;
  let at = 2;
  for (const { name, indexed, read } of shape.inputs) {
    const word = indexed ? log.topics[topic++]?.slice(2) : log.data.slice(at, (at += WORD));
    if (word?.length !== WORD)
      throw new TypeError(`the log ${log.logIndex} of ${log.transactionHash} is no ${shape.name}`);
    args[name] = read(word.toLowerCase());
  }
  // A pass has the id of its auction.
  const id = args["auctionId"] ?? args["tokenId"];
  return {
    name: shape.name,
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

/** The events of our contracts among any logs: into a receipt every contract that was called may have written some. */
export function ourEvents(
  logs: readonly Log[],
  auctionContract: string,
  passContract: string,
): ChainEvent[] {
  const events: ChainEvent[] = [];
  for (const log of logs) {
    if (log.address !== auctionContract && log.address !== passContract) continue;
    try {
      const event = decodeLog(log, 0, auctionContract);
      if (event !== undefined) events.push(event);
    } catch (error) {
      // The indexer meets the same log, and keeps it for the doctor.
      if (!(error instanceof TypeError)) throw error;
    }
  }
  return events;
}

/** What logs say, and those that make no sense. */
export interface LogContents {
  readonly events: readonly ChainEvent[];
  readonly unread: readonly UnreadLog[];
}

/** Reads logs. Events are in the order of the chain. */
export function readLogs(
  logs: readonly Log[],
  auctionContract: string,
  timestampOf: (log: Log) => number,
): LogContents {
  const events: ChainEvent[] = [];
  const unread: UnreadLog[] = [];
  for (const log of logs) {
    const timestampS = timestampOf(log);
    try {
      const event = decodeLog(log, timestampS, auctionContract);
      if (event !== undefined) events.push(event);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      unread.push({ log, reason: error.message });
    }
  }
  events.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  return { events, unread };
}
