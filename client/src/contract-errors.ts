import { contractErrors } from "./generated/contracts.ts";

type Errors = typeof contractErrors;
/** Every custom error of both contracts. */
export type ContractErrorName = Errors[keyof Errors]["name"];
type Values = Readonly<Record<string, string>>;

/** Why a contract refused, for people and for code. */
export interface ContractError {
  readonly name: ContractErrorName;
  /** By the name of each argument: numbers as decimal text, addresses and hashes as hexadecimal text. */
  readonly values: Values;
  /** A sentence that may be shown. */
  readonly message: string;
}

const WEI_DIGITS = 18;

/** 1500000000000000000 → 1.5 ETH */
function ether(wei = "0"): string {
  const digits = wei.padStart(WEI_DIGITS + 1, "0");
  const fraction = digits.slice(-WEI_DIGITS).replace(/0+$/, "");
  return `${digits.slice(0, -WEI_DIGITS)}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

/** Seconds since 1970 → 2026-11-30 12:00:00 UTC; the number itself where no calendar reaches. */
function time(seconds = "0"): string {
  const date = new Date(Number(seconds) * 1_000);
  if (Number.isNaN(date.getTime())) return `second ${seconds}`;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const INTERNAL = "This is a call that only the platform makes.";

const SENTENCES: Readonly<Record<ContractErrorName, (values: Values) => string>> = {
  // Bidders
  BidTooLow: ({ minimumWei }) =>
    `The bid is too low: at least ${ether(minimumWei)} are needed now.`,
  BiddingClosed: ({ endTime }) => `Bidding closed at ${time(endTime)}.`,
  NotYetStarted: ({ startTime }) => `Bidding starts at ${time(startTime)}.`,
  HostCannotBid: () => "Hosts cannot bid in their own auctions.",
  UnknownAuction: ({ auctionId }) => `There is no auction ${auctionId}.`,
  // Hosts
  InvalidBiddingDuration: ({ durationS, minDurationS, maxDurationS }) =>
    `Bidding may last from ${minDurationS} to ${maxDurationS} seconds, not ${durationS}.`,
  InvalidStartTime: ({ startTime, latestStartTime }) =>
    `Bidding cannot start at ${time(startTime)}: ${time(latestStartTime)} is the latest.`,
  InvalidMeetingTime: ({ meetingStart }) =>
    `The meeting cannot start at ${time(meetingStart)}: it must come after the bidding and its extensions, and last for some time.`,
  AuctionExists: ({ auctionId }) =>
    `This auction exists already (${auctionId}): its salt was used before.`,
  NotHost: ({ auctionId }) => `Only the host of auction ${auctionId} can do that.`,
  HasBids: ({ auctionId }) => `Auction ${auctionId} has bids, so it cannot be cancelled any more.`,
  AlreadyCancelled: ({ auctionId }) => `Auction ${auctionId} has been cancelled.`,
  AlreadyEnded: ({ auctionId }) => `Auction ${auctionId} has ended.`,
  // The end, the pass, the meeting
  NotEnded: ({ auctionId }) => `Auction ${auctionId} has not ended yet.`,
  NotSold: ({ auctionId }) => `Nobody bought auction ${auctionId}.`,
  AlreadySettled: ({ auctionId }) =>
    `The money of auction ${auctionId} has been given out already.`,
  MeetingNotStarted: ({ meetingStart }) => `The meeting starts at ${time(meetingStart)}.`,
  NoPass: ({ auctionId }) => `There is no access pass for auction ${auctionId}.`,
  NotPassOwner: ({ auctionId }) => `Somebody else owns the access pass of auction ${auctionId}.`,
  PassBurnFailed: ({ auctionId }) => `The access pass of auction ${auctionId} could not be burned.`,
  PassLocked: () => "This access pass cannot be given away.",
  ReleaseTooEarly: ({ releasableAt }) =>
    `The money can be released without the platform from ${time(releasableAt)} on.`,
  // Money
  NothingToWithdraw: ({ account }) => `There is nothing to withdraw for ${account}.`,
  WithdrawalFailed: ({ to }) =>
    `${to} does not take ether. Withdraw to another address with withdrawTo.`,
  InvalidRecipient: ({ to }) => `The money cannot be sent to ${to}.`,
  // Passes as tokens
  ERC721NonexistentToken: ({ tokenId }) => `There is no access pass ${tokenId}.`,
  ERC721IncorrectOwner: ({ tokenId, owner }) => `Access pass ${tokenId} belongs to ${owner}.`,
  ERC721InsufficientApproval: ({ operator, tokenId }) =>
    `${operator} has no permission to move access pass ${tokenId}.`,
  ERC721InvalidReceiver: ({ receiver }) => `${receiver} does not take access passes.`,
  ERC721InvalidSender: ({ sender }) => `${sender} cannot give an access pass.`,
  ERC721InvalidApprover: ({ approver }) => `${approver} cannot give that permission.`,
  ERC721InvalidOperator: ({ operator }) => `${operator} cannot be given that permission.`,
  ERC721InvalidOwner: ({ owner }) => `${owner} cannot own access passes.`,
  // The platform's own
  EnforcedPause: () => "The contract is paused. Try again later.",
  ExpectedPause: () => "The contract is not paused.",
  AccessControlUnauthorizedAccount: ({ account }) => `${account} lacks the role for that call.`,
  AccessControlBadConfirmation: () => "A role can only be given up by its holder.",
  AccessControlInvalidDefaultAdmin: ({ defaultAdmin }) => `${defaultAdmin} cannot become admin.`,
  AccessControlEnforcedDefaultAdminRules: () => "The admin changes in two steps only.",
  AccessControlEnforcedDefaultAdminDelay: ({ schedule }) =>
    `The admin cannot change before ${time(schedule)}.`,
  InvalidConfig: () => "The contract does not take these settings.",
  LengthMismatch: () => `The lists differ in length. ${INTERNAL}`,
  NotTheAuction: () => INTERNAL,
  ReentrancyGuardReentrantCall: () => "The contract was called while it was calling.",
  SafeCastOverflowedUintDowncast: ({ value }) => `The number ${value} is too large.`,
};

const WORD = 64;

/**
 * What a revert says. Takes the error that ethers or viem threw, or the data itself.
 * @returns undefined when there is no custom error of these contracts in it: the wallet refused, the node was away, …
 */
export function explainContractError(error: unknown): ContractError | undefined {
  const data = revertData(error, MAX_DEPTH);
  if (data === undefined) return undefined;
  const { name, inputs } = contractErrors[selectorOf(data) as keyof Errors];
  const words = data.slice(10);
  if (words.length < inputs.length * WORD) return undefined;
  const values = Object.fromEntries(
    inputs.map(([argument, type], index) => [
      argument,
      valueOf(type, words.slice(index * WORD, (index + 1) * WORD)),
    ]),
  );
  return { name, values, message: SENTENCES[name](values) };
}

/** All arguments of these errors are one word long. */
function valueOf(type: string, word: string): string {
  if (type === "address") return `0x${word.slice(-40)}`;
  if (type.startsWith("bytes")) return `0x${word}`;
  return String(BigInt(`0x${word}`));
}

/** How deep libraries wrap what the node said. */
const MAX_DEPTH = 6;
const REVERT = /^0x(?:[0-9a-f]{8})(?:[0-9a-f]{64})*$/i;

const selectorOf = (data: string): string => data.slice(0, 10).toLowerCase();

/** The first text below `error` that can be the data of one of these errors, under the names that libraries use. */
function revertData(error: unknown, depth: number): string | undefined {
  if (typeof error === "string")
    return REVERT.test(error) && Object.hasOwn(contractErrors, selectorOf(error))
      ? error
      : undefined;
  if (typeof error !== "object" || error === null || depth === 0) return undefined;
  for (const name of ["data", "raw", "error", "originalError", "info", "cause"] as const) {
    const found = revertData((error as Readonly<Record<string, unknown>>)[name], depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
