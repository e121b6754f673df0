import { NOBODY } from "./abi.ts";
import type { ReferenceAuction } from "./bidding.ts";
import type { CanonicalChain, CanonicalLog } from "./canonical.ts";
import type { Findings } from "./violations.ts";

/** Each auction over exactly once, sold to the winner of the reference replay, its pass minted once and to that winner. */
export function checkOutcomes(
  chain: CanonicalChain,
  reference: ReadonlyMap<string, ReferenceAuction>,
  findings: Findings,
): void {
  const logsOf = (id: string, name: string): CanonicalLog[] =>
    chain.logs.filter((log) => log.auctionId === id && log.name === name);
  for (const auction of reference.values()) {
    const subject = `auction ${auction.id}`;
    const same = (field: string, actual: unknown, expected: unknown): void =>
      findings.same("outcome", subject, field, actual, expected);
    const sold = !auction.cancelled && auction.highBidder !== undefined;

    const ended = logsOf(auction.id, "AuctionEnded");
    same("number of ends", ended.length, auction.cancelled ? 0 : 1);
    same("cancellations", logsOf(auction.id, "AuctionCancelled").length, auction.cancelled ? 1 : 0);
    for (const { args, timestampS } of ended) {
      same("winner", args["winner"], auction.highBidder ?? NOBODY);
      same("winning bid", args["amountWei"], auction.highBidWei);
      if (timestampS < auction.endS) same("end", timestampS, `at least ${auction.endS}`);
    }
    const minted = logsOf(auction.id, "Transfer").filter(({ args }) => args["from"] === NOBODY);
    same("number of passes minted", minted.length, sold ? 1 : 0);
    for (const { args } of minted) same("first owner of the pass", args["to"], auction.highBidder);
    same("number of settlements", logsOf(auction.id, "MeetingSettled").length, sold ? 1 : 0);
  }
}
