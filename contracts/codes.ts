// The number codes of the contracts as names (contracts/src/Codes.sol and IMeetingAuction.sol). Apart from the ABI
// bindings, so that workflow code can read them without bundling ethers.

/** How a meeting came out: the argument of `settleMeetings` and the field of `MeetingSettled`. */
export const OUTCOMES = {
  /** Not settled yet. */
  NONE: 0,
  /** It took place: the host is paid, less the fee. */
  HELD: 1,
  /** The host never came: whoever holds the pass, else whoever burned it, else the winner is refunded in full. */
  HOST_ABSENT: 2,
  /** The winner never came: paid like HELD. */
  WINNER_ABSENT: 3,
  /** Never settled by an operator; someone called `release` after the grace period. Paid like HELD. */
  RELEASED: 4,
} as const;

export type OutcomeName = keyof typeof OUTCOMES;
export type OutcomeCode = (typeof OUTCOMES)[OutcomeName];

/** Why one id of a batch was skipped: `AuctionEndFailed`, `PassMintFailed`, `SettlementFailed`. */
export const FAILURE_REASONS = {
  /** No auction has this id. */
  UNKNOWN_AUCTION: 1,
  /** End: its time is not over (any more: a late bid may have moved it). Ask again then. */
  NOT_YET_ENDED: 2,
  /** End: somebody already did. The wanted effect is there. */
  ALREADY_ENDED: 3,
  /** Cancelled by its host, for good. */
  CANCELLED: 4,
  /** Nothing was tried: the transaction had too little gas left. Ask again. */
  OUT_OF_GAS: 5,
  /** Mint or settle: `endAuctions` has not run for it. */
  NOT_ENDED: 6,
  /** Mint or settle: it ended without a bid. */
  NOT_SOLD: 7,
  /** Mint: done before. The wanted effect is there. */
  ALREADY_MINTED: 8,
  /** Settle: done before, or released. Mint: too late, the meeting is closed. */
  ALREADY_SETTLED: 9,
  /** Settle: the outcome is not one of HELD, HOST_ABSENT, WINNER_ABSENT. */
  BAD_OUTCOME: 10,
  /** The pass contract refused with gas to spare: a defect, asking again is pointless. */
  REVERTED: 11,
} as const;

export type FailureReasonName = keyof typeof FAILURE_REASONS;
export type FailureReasonCode = (typeof FAILURE_REASONS)[FailureReasonName];

/** `auctionState(id).state`. `Ended` without a winner is final; with one it becomes `Closed` by settle or release. */
export const AUCTION_STATES = {
  NONE: 0,
  ACTIVE: 1,
  ENDED: 2,
  CANCELLED: 3,
  CLOSED: 4,
} as const;

export type AuctionStateName = keyof typeof AUCTION_STATES;
export type AuctionStateCode = (typeof AUCTION_STATES)[AuctionStateName];
