import type { ChainEvent } from "./decode.ts";

export type ProjectedPhase = "bidding" | "sold" | "unsold" | "cancelled" | "closed";

/** The proof of one step: the transaction and block in which it happened. */
export interface Step {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly at: string;
}

export type StepName = "created" | "ended" | "cancelled" | "minted" | "burned" | "settled";

/** One auction as its canonical logs tell it. Amounts are wei as decimal strings, times Unix seconds. */
export interface AuctionProjection {
  readonly chainId: number;
  readonly contract: string;
  readonly auctionId: string;
  readonly host: string;
  readonly salt: string;
  readonly phase: ProjectedPhase;
  readonly startsAtS: number;
  readonly endsAtS: number;
  readonly originalEndsAtS: number;
  readonly meetingStartsAtS: number;
  readonly meetingDurationS: number;
  readonly reservePriceWei: string;
  readonly minIncrementWei: string;
  readonly feeBps: number;
  readonly transferable: boolean;
  readonly highBidder: string | null;
  readonly highBidWei: string | null;
  readonly bidCount: number;
  readonly winner: string | null;
  readonly passOwner: string | null;
  /** Stays when the pass is burned: whoever held it then has the claim. */
  readonly lastPassOwner: string | null;
  readonly outcome: number | null;
  readonly hostPaidWei: string | null;
  readonly refundWei: string | null;
  readonly steps: Partial<Record<StepName, Step>>;
  readonly updatedBlock: number;
}

export const ZERO_ADDRESS = `0x${"0".repeat(40)}`;

function text(event: ChainEvent, name: string): string {
  const value = event.args[name];
  if (typeof value !== "string") throw new TypeError(`${event.name} has no text argument ${name}`);
  return value;
}

function stepOf(event: ChainEvent): Step {
  return {
    transactionHash: event.transactionHash,
    blockNumber: event.blockNumber,
    at: new Date(event.blockTimestampS * 1000).toISOString(),
  };
}

function created(chainId: number, contract: string, event: ChainEvent): AuctionProjection {
  const seconds = (name: string): number => Number(text(event, name));
  return {
    chainId,
    contract,
    auctionId: text(event, "auctionId"),
    host: text(event, "host"),
    salt: text(event, "salt"),
    phase: "bidding",
    startsAtS: seconds("startTime"),
    endsAtS: seconds("endTime"),
    originalEndsAtS: seconds("endTime"),
    meetingStartsAtS: seconds("meetingStart"),
    meetingDurationS: seconds("meetingDurationS"),
    reservePriceWei: text(event, "reservePriceWei"),
    minIncrementWei: text(event, "minIncrementWei"),
    feeBps: Number(text(event, "feeBps")),
    transferable: event.args["transferable"] === true,
    highBidder: null,
    highBidWei: null,
    bidCount: 0,
    winner: null,
    passOwner: null,
    lastPassOwner: null,
    outcome: null,
    hostPaidWei: null,
    refundWei: null,
    steps: { created: stepOf(event) },
    updatedBlock: event.blockNumber,
  };
}

function transferred(state: AuctionProjection, event: ChainEvent): AuctionProjection {
  const to = text(event, "to");
  const minted = text(event, "from") === ZERO_ADDRESS;
  const burned = to === ZERO_ADDRESS;
  return {
    ...state,
    passOwner: burned ? null : to,
    lastPassOwner: burned ? state.lastPassOwner : to,
    steps: {
      ...state.steps,
      ...(minted ? { minted: stepOf(event) } : {}),
      ...(burned ? { burned: stepOf(event) } : {}),
    },
  };
}

/**
 * The events that make a projection. The contract also reports what it did not do, of any id that anybody names
 * (`AuctionEndFailed` of an auction that never was): those change nothing.
 */
export const PROJECTED: ReadonlySet<string> = new Set([
  "AuctionCreated",
  "BidPlaced",
  "AuctionEnded",
  "AuctionCancelled",
  "Transfer",
  "MeetingSettled",
]);

/** No auction or meeting lies further in the future than this when its event is made: the contract allows 366 days. */
const FARTHEST_S = 10 * 366 * 24 * 3_600;
const TIMES = ["startTime", "endTime", "meetingStart"];
/** Of the columns. */
const LARGEST: Readonly<Record<string, bigint>> = {
  meetingDurationS: 2n ** 31n - 1n,
  feeBps: 10_000n,
  outcome: 2n ** 15n - 1n,
};

/**
 * Why an event cannot be projected, or undefined when it can. A contract may say anything: one log that makes no sense must not keep
 * all the others from being read. Pure, so that a rebuild leaves out the same.
 */
export function unreadable(
  before: AuctionProjection | undefined,
  event: ChainEvent,
): string | undefined {
  if (event.name !== "AuctionCreated" && before === undefined)
    return `${event.name} of an auction whose creation is not known`;
  for (const name of TIMES) {
    const value = event.args[name];
    if (value !== undefined && Number(value) > event.blockTimestampS + FARTHEST_S)
      return `${name} is ${String(value)}, more than ten years after its block`;
  }
  for (const [name, largest] of Object.entries(LARGEST)) {
    const value = event.args[name];
    if (typeof value === "string" && BigInt(value) > largest)
      return `${name} is ${value}, more than ${largest}`;
  }
  return undefined;
}

/**
 * The state after one event of those in PROJECTED. Pure: the same canonical logs give the same projection, on the way forward and when it is
 * rebuilt after a reorg.
 * @throws TypeError when an event of an auction comes before its creation: the logs are incomplete.
 */
export function applyEvent(
  chainId: number,
  contract: string,
  before: AuctionProjection | undefined,
  event: ChainEvent,
): AuctionProjection {
  if (event.name === "AuctionCreated") return created(chainId, contract, event);
  if (before === undefined)
    throw new TypeError(`${event.name} of auction ${event.auctionId} stands before its creation`);
  const state = { ...before, updatedBlock: event.blockNumber };
  switch (event.name) {
    case "BidPlaced":
      return {
        ...state,
        highBidder: text(event, "bidder"),
        highBidWei: text(event, "amountWei"),
        endsAtS: Number(text(event, "endTime")),
        bidCount: state.bidCount + 1,
      };
    case "AuctionEnded": {
      const winner = text(event, "winner");
      const sold = winner !== ZERO_ADDRESS;
      return {
        ...state,
        phase: sold ? "sold" : "unsold",
        winner: sold ? winner : null,
        steps: { ...state.steps, ended: stepOf(event) },
      };
    }
    case "AuctionCancelled":
      return { ...state, phase: "cancelled", steps: { ...state.steps, cancelled: stepOf(event) } };
    case "Transfer":
      return transferred(state, event);
    case "MeetingSettled":
      return {
        ...state,
        phase: "closed",
        outcome: Number(text(event, "outcome")),
        hostPaidWei: text(event, "hostWei"),
        refundWei: text(event, "refundWei"),
        steps: { ...state.steps, settled: stepOf(event) },
      };
    default:
      return before;
  }
}
