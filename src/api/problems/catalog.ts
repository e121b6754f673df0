import { ACCOUNT_PROBLEMS } from "./accounts.ts";
import { AUCTION_PROBLEMS } from "./auctions.ts";
import { FEED_PROBLEMS } from "./feed.ts";
import type { ProblemKind } from "./kinds.ts";
import { MEETING_PROBLEMS } from "./meetings.ts";
import { REQUEST_PROBLEMS } from "./requests.ts";

/** Every kind of problem this API answers with, by its `code`, in the groups of the documentation. */
export const PROBLEM_GROUPS = {
  "Every request": REQUEST_PROBLEMS,
  Accounts: ACCOUNT_PROBLEMS,
  Auctions: AUCTION_PROBLEMS,
  Meetings: MEETING_PROBLEMS,
  "Events and webhooks": FEED_PROBLEMS,
} as const;

const KINDS = new Map<string, ProblemKind>(
  Object.values(PROBLEM_GROUPS).flatMap((group) => Object.entries(group)),
);

/** The codes of all kinds. */
export const PROBLEM_CODES: readonly string[] = [...KINDS.keys()];

/** The kind of a code; undefined for one that nobody has described. */
export function problemKind(code: string): ProblemKind | undefined {
  return KINDS.get(code);
}

/** Where the kinds are described; a kind's page is below it, and is its `type`. */
export const PROBLEM_PAGES = "/docs/problems";

/** The `type` of a problem: a page of this server. RFC 9457 §3.1.1 lets it be a path, and "about:blank" says no more than the status. */
export function problemType(code: string): string {
  return KINDS.has(code) ? `${PROBLEM_PAGES}/${code}` : "about:blank";
}
