import {
  BATCH_GAS,
  batchGasLimit,
  FAILURE_REASONS,
  maxBatchItems,
  meetingAuctionInterface,
} from "../contracts.ts";
import type { OperationKind } from "../../domain/process.ts";
import type { Receipt } from "../types.ts";
import { type ChainEvent, ourEvents } from "../indexing/decode.ts";
import { ZERO_ADDRESS } from "../indexing/projection.ts";

/** What one operation needs to be put into a transaction. */
export interface OperationCall {
  readonly auctionId: string;
  readonly outcome: number | null;
}

/** How many items share a transaction: enough that gas per item hardly falls further, few enough to fit any block. */
const BATCH_ITEMS: Record<OperationKind, number> = { end: 50, mint: 25, settle: 25 };

/**
 * How many operations of a kind share a transaction at most: `maxItems` is the operator's wish, and a transaction asks for no
 * more than half of what a block holds, so that it is not the one left out of a full block.
 */
export function batchLimit(kind: OperationKind, blockGasLimit: bigint, maxItems: number): number {
  const { base, perItem } = BATCH_GAS[kind];
  const affordable = Number((blockGasLimit / 2n - base) / perItem);
  return Math.max(1, Math.min(BATCH_ITEMS[kind], maxItems, maxBatchItems(kind), affordable));
}

/** How many of the items can be paid for with `spareWei`. */
export function affordableItems(
  kind: OperationKind,
  items: number,
  maxFeePerGasWei: bigint,
  spareWei: bigint,
): number {
  const { base, perItem } = BATCH_GAS[kind];
  const gas = maxFeePerGasWei === 0n ? batchGasLimit(kind, items) : spareWei / maxFeePerGasWei;
  const affordable = gas < base + perItem ? 0 : Number((gas - base) / perItem);
  return Math.min(items, affordable);
}

/** Gas of a plain transfer: what a cancel costs. */
export const CANCEL_GAS = 21_000;

export const gasLimit = (kind: OperationKind, items: number): number =>
  Number(batchGasLimit(kind, items));

/** The call of a batch of one kind. */
export function encodeCall(kind: OperationKind, items: readonly OperationCall[]): string {
  const ids = items.map((one) => BigInt(one.auctionId));
  switch (kind) {
    case "end":
      return meetingAuctionInterface.encodeFunctionData("endAuctions", [ids]);
    case "mint":
      return meetingAuctionInterface.encodeFunctionData("mintPasses", [ids]);
    case "settle":
      return meetingAuctionInterface.encodeFunctionData("settleMeetings", [
        ids,
        items.map((one) => one.outcome ?? 0),
      ]);
  }
}

/**
 * What became of one item of a mined transaction:
 * `done` the effect is there, by this transaction or an earlier one; `again` it was too early or starved of gas and is
 * asked for anew; `refused` it can never succeed.
 */
export type ItemOutcome =
  | {
      readonly status: "done";
      readonly winner?: string;
      readonly amountWei?: string;
      readonly byOther: boolean;
    }
  | { readonly status: "again"; readonly reason: string }
  | { readonly status: "refused"; readonly reason: string };

const DONE_EVENT: Record<OperationKind, string> = {
  end: "AuctionEnded",
  mint: "Transfer",
  settle: "MeetingSettled",
};
const FAILED_EVENT: Record<OperationKind, string> = {
  end: "AuctionEndFailed",
  mint: "PassMintFailed",
  settle: "SettlementFailed",
};

/** Reasons that mean: the wanted effect exists already. */
const ALREADY: Record<OperationKind, readonly number[]> = {
  end: [FAILURE_REASONS.ALREADY_ENDED],
  mint: [FAILURE_REASONS.ALREADY_MINTED],
  settle: [FAILURE_REASONS.ALREADY_SETTLED],
};

// NOT_ENDED: a reorg took the end back; it is on its way again.
const AGAIN: readonly number[] = [
  FAILURE_REASONS.NOT_YET_ENDED,
  FAILURE_REASONS.OUT_OF_GAS,
  FAILURE_REASONS.NOT_ENDED,
];

export function reasonName(code: number): string {
  return (
    Object.entries(FAILURE_REASONS).find(([, value]) => value === code)?.[0] ?? `REASON_${code}`
  ).toLowerCase();
}

/**
 * Reads a receipt once and tells the outcome of each item of its transaction by auction id: a batch has as many logs as items,
 * and each is decoded once.
 */
export function outcomesOf(
  kind: OperationKind,
  receipt: Receipt,
  auctionContract: string,
  passContract: string,
): (auctionId: string) => ItemOutcome {
  const events = ourEvents(receipt.logs, auctionContract, passContract);
  const byAuction = Map.groupBy(events, (one) => one.auctionId);
  return (auctionId) =>
    receipt.status === 1
      ? outcomeIn(kind, byAuction.get(auctionId) ?? [])
      : { status: "again", reason: "transaction_reverted" };
}

function outcomeIn(kind: OperationKind, events: readonly ChainEvent[]): ItemOutcome {
  const done = events.find((one) => one.name === DONE_EVENT[kind]);
  if (done !== undefined) {
    const winner = done.args["winner"];
    const sold = kind === "end" && typeof winner === "string" && winner !== ZERO_ADDRESS;
    return {
      status: "done",
      byOther: false,
      ...(sold ? { winner, amountWei: String(done.args["amountWei"]) } : {}),
    };
  }
  const code = Number(events.find((one) => one.name === FAILED_EVENT[kind])?.args["reason"]);
  if (ALREADY[kind].includes(code)) return { status: "done", byOther: true };
  // An item the batch did not reach left no event: it was starved.
  if (Number.isNaN(code) || AGAIN.includes(code))
    return { status: "again", reason: Number.isNaN(code) ? "out_of_gas" : reasonName(code) };
  return { status: "refused", reason: reasonName(code) };
}
