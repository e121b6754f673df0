import { NOBODY } from "./abi.ts";
import type { CanonicalChain } from "./canonical.ts";
import type { Row } from "./sources.ts";
import type { Findings } from "./violations.ts";

/** Every sale has one meeting, with the sale's winner; no other meeting stands. Nothing is left to be told to anybody. */
export async function checkMeetings(
  query: (sql: string) => Promise<Row[]>,
  chain: CanonicalChain,
  findings: Findings,
): Promise<void> {
  const winners = new Map(
    chain.logs
      .filter(({ name, args }) => name === "AuctionEnded" && args["winner"] !== NOBODY)
      .map(({ auctionId, args }) => [auctionId, args["winner"]]),
  );
  const rows = await query("SELECT auction_id, winner, state FROM meetings");
  for (const row of rows) {
    if (row["state"] === "withdrawn") continue;
    const id = String(row["auction_id"]);
    const subject = `meeting of auction ${id}`;
    if (!winners.has(id)) findings.add("meeting", subject, "stands, but there is no sale");
    else findings.same("meeting", subject, "winner", row["winner"], winners.get(id));
    findings.same("meeting", subject, "state", row["state"], "closed");
    winners.delete(id);
  }
  for (const id of winners.keys())
    findings.add("meeting", `meeting of auction ${id}`, "is missing, although the auction is sold");
  const [outbox] = await query(
    "SELECT count(*)::int AS waiting FROM outbox WHERE delivered_at IS NULL",
  );
  findings.same("at-rest", "outbox", "messages waiting", outbox?.["waiting"], 0);
}
