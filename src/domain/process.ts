/**
 * What the parts of the product say to one another about a process: identities, phases and messages. No library is
 * involved here, so that services can name a process without knowing what runs it. Payloads are JSON: amounts in wei are
 * decimal strings, times are Unix milliseconds (`…Ms`) or seconds (`…S`), and nothing is personal: operators read it.
 */

export const TASK_QUEUES = { auction: "auction", chain: "chain" } as const;

/** Which auction on which chain; `contract` is lower-case. */
export interface AuctionRef {
  readonly chainId: number;
  readonly contract: string;
  readonly auctionId: string;
}

export function auctionWorkflowId(ref: AuctionRef): string {
  return `auction/${ref.chainId}/${ref.contract}/${ref.auctionId}`;
}

export function meetingWorkflowId(meetingId: string): string {
  return `meeting/${meetingId}`;
}

export function chainIndexerWorkflowId(chainId: number): string {
  return `chain-indexer/${chainId}`;
}

export function walletWorkflowId(chainId: number, address: string): string {
  return `wallet/${chainId}/${address.toLowerCase()}`;
}

export const RECONCILE_SCHEDULE_ID = "reconcile";

// ── auction ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type AuctionPhase =
  | "bidding"
  | "ending"
  | "sold"
  | "unsold"
  | "cancelled"
  | "meeting"
  | "gone";

export interface AuctionInput extends AuctionRef {
  readonly host: string;
  readonly endsAtMs: number;
}

/** The indexer saw a bid move the end. */
export interface ExtendedMessage {
  readonly endsAtMs: number;
  readonly blockNumber: number;
}

/** The indexer saw the host cancel. */
export interface CancelledMessage {
  readonly blockNumber: number;
}

/** A reorg took back what was told before; `endsAtMs` and `cancelled` are what the canonical chain says now. */
export interface RevertedMessage {
  readonly endsAtMs: number;
  readonly cancelled: boolean;
  readonly blockNumber: number;
  /** What was done and is no longer: whatever was told of it before counts for nothing. */
  readonly undone?: readonly OperationKind[];
}

/** The chain took back the sale that a meeting was made for. */
export interface WithdrawnMessage {
  readonly blockNumber: number;
}

/**
 * What a step answers when the chain no longer says what the step was asked for: there is nothing to do, and the process
 * has to look again.
 */
export const CHAIN_CHANGED = "chain-changed";
export type ChainChanged = typeof CHAIN_CHANGED;

/** The wallet sender has finished an operation this workflow asked for, with enough confirmations. */
export interface OperationSettledMessage {
  readonly key: string;
  readonly kind: OperationKind;
  /** `done`: the effect is on chain (by us or by somebody else). `refused`: it can never happen; `reason` says why. */
  readonly status: "done" | "refused";
  readonly reason?: string;
  readonly transactionHash?: string;
  readonly blockNumber?: number;
  /** `end`: the winner, absent when nobody bid, and the winning bid. */
  readonly winner?: string;
  readonly amountWei?: string;
}

/** What the platform does on chain for an auction: each happens once. */
export const OPERATION_KINDS = ["end", "mint", "settle"] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

/** The identity of an operation: asking twice for the same key is asking once. */
export function operationKey(kind: OperationKind, ref: AuctionRef): string {
  return `${kind}:${ref.chainId}:${ref.contract}:${ref.auctionId}`;
}

/** What an operator says with every command. Both are kept for the audit. */
export interface OperatorCommand {
  /** Who: a name or an address of the operator's choice. */
  readonly by: string;
  readonly reason: string;
}

/** What an operator does, apart from how it is asked for. */
export type OperatorAction =
  | "end-now"
  | "retry"
  | "recheck"
  | "overrule"
  | "restart"
  | "pause-wallet"
  | "resume-wallet"
  | "after-restore"
  | "drop-message";

/** What the contract says of an auction now, beside what the database says. */
export interface ChainReport {
  readonly blockNumber: number;
  readonly onChain: {
    readonly state: string;
    readonly endsAtMs: number;
    readonly winner: string | null;
    readonly highBidWei: string;
  };
  /** Null while the indexer has not seen the auction. */
  readonly inDatabase: {
    readonly phase: string;
    readonly endsAtMs: number;
    readonly winner: string | null;
  } | null;
  readonly indexedBlock: number | null;
  /** What does not agree; empty when all does. */
  readonly differences: readonly string[];
}

export interface AuctionState {
  readonly phase: AuctionPhase;
  readonly endsAtMs: number;
  readonly winner: string | null;
  readonly amountWei: string | null;
  readonly meetingId: string | null;
  readonly passMinted: boolean;
  readonly problem: string | null;
}

// ── meeting ────────────────────────────────────────────────────────────────────────────────────────────────────────

export type MeetingPhase = "scheduled" | "open" | "closing" | "closed" | "withdrawn";

/** What the contract is told: 1 held, 2 the host never came, 3 the winner never came. */
export type Outcome = 1 | 2 | 3;

export interface MeetingInput extends AuctionRef {
  readonly meetingId: string;
  readonly host: string;
  readonly winner: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly latestEndsAtMs: number;
  readonly opensAtMs: number;
  /** When to remind both; absent when the meeting is too near for a reminder to help. */
  readonly remindAtMs?: number;
}

/** `by` is the wallet address of the caller, checked by the API and again by the workflow. */
export interface ExtendCommand {
  readonly by: string;
  readonly minutes: number;
}

export interface CloseCommand {
  readonly by: string;
}

/** An operator decides how a meeting came out, whatever the attendance says. `by` and `reason` are kept for the audit. */
export interface OverruleCommand {
  readonly by: string;
  readonly outcome: Outcome;
  readonly reason: string;
}

/** A room that nobody may be in any more waits to be ended: its name is in the database. */
export interface RoomLeftMessage {
  /** The block that took the pass away; absent when the meeting is over. */
  readonly blockNumber?: number;
}

export interface MeetingState {
  readonly phase: MeetingPhase;
  readonly endsAtMs: number;
  readonly outcome: Outcome | null;
  readonly settled: boolean;
  readonly problem: string | null;
}
