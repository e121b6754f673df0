import type { SearchAttributeUpdatePair } from "@temporalio/common";
import { patched, upsertSearchAttributes, workflowInfo } from "@temporalio/workflow";
import { CHAIN_ID, ENDS_AT, FAILURE_CODE, NEEDS_OPERATOR, PHASE } from "./search-attributes.ts";

/** What a process shows of itself to those who search. */
export interface Tags {
  readonly phase: string;
  readonly endsAtMs: number;
  /** Of what needs an operator, or null. */
  readonly failureCode: string | null;
}

/** What a Keyword may hold. */
const KEYWORD_LENGTH = 255;

/**
 * Brings the search attributes up to date; what has not changed costs nothing. A process that was started before there were any
 * takes them up from where it is now.
 */
export function tag({ phase, endsAtMs, failureCode }: Tags): void {
  const { typedSearchAttributes: known } = workflowInfo();
  const changes: SearchAttributeUpdatePair[] = [];
  if (known.get(PHASE) !== phase) changes.push({ key: PHASE, value: phase });
  if (known.get(ENDS_AT)?.getTime() !== endsAtMs)
    changes.push({ key: ENDS_AT, value: new Date(endsAtMs) });
  changes.push(...attention(failureCode));
  upsert(changes, known.get(PHASE) !== undefined);
}

/** The same of a job that has neither a phase nor an end. */
export function tagJob(failureCode: string | null): void {
  upsert(attention(failureCode), workflowInfo().typedSearchAttributes.get(CHAIN_ID) !== undefined);
}

function attention(failureCode: string | null): SearchAttributeUpdatePair[] {
  const { typedSearchAttributes: known } = workflowInfo();
  const changes: SearchAttributeUpdatePair[] = [];
  const code = failureCode?.slice(0, KEYWORD_LENGTH) ?? null;
  if ((known.get(FAILURE_CODE) ?? null) !== code) changes.push({ key: FAILURE_CODE, value: code });
  if ((known.get(NEEDS_OPERATOR) ?? false) !== (code !== null))
    changes.push({ key: NEEDS_OPERATOR, value: code !== null });
  return changes;
}

/** A process whose start gave it attributes needs no marker: one started before must not grow a command while it replays. */
function upsert(changes: SearchAttributeUpdatePair[], startedWithAttributes: boolean): void {
  if (changes.length === 0) return;
  if (startedWithAttributes || patched("search-attributes")) upsertSearchAttributes(changes);
}
