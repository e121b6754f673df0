import { first, type Queryable } from "./database.ts";

/** How the whole stands, by the database alone: what operators are to be told of although no process fails. */
export interface Vitals {
  /** Auctions whose end time has passed and that are not ended, and by how much the latest is late, in seconds. */
  readonly auctionsLate: number;
  readonly latestAuctionLateS: number;
  /** Operations that are due and that nobody was told the outcome of, and since when the oldest is due, in seconds. */
  readonly operationsOpen: number;
  readonly oldestOperationS: number;
  /** Messages to processes that were not delivered, and the age of the oldest, in seconds. */
  readonly messagesWaiting: number;
  readonly oldestMessageS: number;
  /** Meetings past their end that are not closed. */
  readonly meetingsOverdue: number;
}

const AGE = (time: string): string =>
  `coalesce(extract(epoch FROM now() - min(${time})), 0)::float8`;

const VITALS = `SELECT a.*, o.*, m.*, t.* FROM
  (SELECT count(*)::int AS "auctionsLate", ${AGE("ends_at")} AS "latestAuctionLateS" FROM auctions
   WHERE chain_id = $1 AND contract = $2 AND phase = 'bidding' AND ends_at < now()) a,
  (SELECT count(*)::int AS "operationsOpen", ${AGE("greatest(created_at, to_timestamp(not_before_s))")} AS "oldestOperationS" FROM chain_operations
   WHERE chain_id = $1 AND contract = $2 AND NOT settled AND not_before_s <= extract(epoch FROM now())) o,
  (SELECT count(*)::int AS "messagesWaiting", ${AGE("created_at")} AS "oldestMessageS" FROM outbox WHERE delivered_at IS NULL) m,
  (SELECT count(*)::int AS "meetingsOverdue" FROM meetings
   WHERE chain_id = $1 AND contract = $2 AND state IN ('scheduled', 'open', 'closing') AND ends_at < now()) t`;

/** Reads the vitals of one contract. */
export async function readVitals(
  db: Queryable,
  chainId: number,
  contract: string,
): Promise<Vitals> {
  const row = await first<Vitals>(db, VITALS, [chainId, contract]);
  if (row === undefined) throw new Error("an aggregate has one row");
  return row;
}
