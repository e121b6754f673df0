import {
  defineSearchAttributeKey,
  type SearchAttributePair,
  SearchAttributeType,
} from "@temporalio/common";
import type { AuctionInput, MeetingInput } from "../domain/process.ts";

/**
 * What operators search processes by in the Web UI: `NeedsOperator = true`, `Phase = "ending" AND EndsAt < "2026-…"`. Addresses and
 * ids of the chain only: search attributes are not encrypted. Postgres keeps at most ten keywords for a namespace.
 */
const TYPES = {
  /** Of an auction or a meeting: src/domain/process.ts. */
  Phase: "Keyword",
  AuctionId: "Keyword",
  /** Address, lower-case. */
  Host: "Keyword",
  ChainId: "Keyword",
  /** When the auction, or the meeting, ends. */
  EndsAt: "Datetime",
  /** Of what keeps the process from going on; absent while nothing does. */
  FailureCode: "Keyword",
  /** Whether something has failed that does not mend itself. */
  NeedsOperator: "Bool",
} as const;

/** For whoever registers them; the local stack reads it too. */
export const SEARCH_ATTRIBUTE_TYPES: Readonly<Record<string, "Keyword" | "Datetime" | "Bool">> =
  TYPES;

const { KEYWORD, DATETIME, BOOL } = SearchAttributeType;
export const PHASE = defineSearchAttributeKey("Phase" satisfies keyof typeof TYPES, KEYWORD);
const AUCTION_ID = defineSearchAttributeKey("AuctionId" satisfies keyof typeof TYPES, KEYWORD);
const HOST = defineSearchAttributeKey("Host" satisfies keyof typeof TYPES, KEYWORD);
export const CHAIN_ID = defineSearchAttributeKey("ChainId" satisfies keyof typeof TYPES, KEYWORD);
export const ENDS_AT = defineSearchAttributeKey("EndsAt" satisfies keyof typeof TYPES, DATETIME);
export const FAILURE_CODE = defineSearchAttributeKey(
  "FailureCode" satisfies keyof typeof TYPES,
  KEYWORD,
);
export const NEEDS_OPERATOR = defineSearchAttributeKey(
  "NeedsOperator" satisfies keyof typeof TYPES,
  BOOL,
);

/** Of a process that begins. Given at its start they cost no event of its history. */
export function attributesOf(
  input: Pick<AuctionInput | MeetingInput, "auctionId" | "host" | "chainId" | "endsAtMs">,
  phase: "bidding" | "scheduled",
): SearchAttributePair[] {
  return [
    { key: PHASE, value: phase },
    { key: AUCTION_ID, value: input.auctionId },
    { key: HOST, value: input.host },
    { key: CHAIN_ID, value: String(input.chainId) },
    { key: ENDS_AT, value: new Date(input.endsAtMs) },
    { key: NEEDS_OPERATOR, value: false },
  ];
}
