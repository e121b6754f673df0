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
  /** Meetings that should be closed and are not, and since when the oldest should, in seconds. */
  readonly meetingsOverdue: number;
  readonly oldestMeetingS: number;
  /** 1 while the index waits for an operator. */
  readonly indexHalted: number;
}

/**
 * SQL: from when on a meeting `m` that stands has to be closed. Past its end; one that is closing, once its settlement is due: an
 * outcome may be under review for days.
 */
export const MEETING_DUE = `CASE WHEN m.state = 'closing' THEN greatest(coalesce(m.closed_at, m.ends_at), (SELECT to_timestamp(max(s.not_before_s)) FROM chain_operations s
  WHERE s.chain_id = m.chain_id AND s.contract = m.contract AND s.auction_id = m.auction_id AND s.kind = 'settle')) ELSE m.ends_at END`;

const AGE = (time: string): string =>
  `coalesce(extract(epoch FROM now() - min(${time})), 0)::float8`;

const VITALS = `SELECT a.*, o.*, m.*, t.*, c.* FROM
  (SELECT count(*)::int AS "auctionsLate", ${AGE("ends_at")} AS "latestAuctionLateS" FROM auctions
   WHERE chain_id = $1 AND contract = $2 AND phase = 'bidding' AND ends_at < now()) a,
  (SELECT count(*)::int AS "operationsOpen", ${AGE("greatest(created_at, to_timestamp(not_before_s))")} AS "oldestOperationS" FROM chain_operations
   WHERE chain_id = $1 AND contract = $2 AND NOT settled AND not_before_s <= extract(epoch FROM now())) o,
  (SELECT count(*)::int AS "messagesWaiting", ${AGE("created_at")} AS "oldestMessageS" FROM outbox WHERE delivered_at IS NULL) m,
  (SELECT count(*)::int AS "meetingsOverdue", ${AGE("due")} AS "oldestMeetingS" FROM
     (SELECT ${MEETING_DUE} AS due FROM meetings m WHERE chain_id = $1 AND contract = $2 AND state IN ('scheduled', 'open', 'closing')) standing
   WHERE due < now()) t,
  (SELECT count(*)::int AS "indexHalted" FROM chain_cursors WHERE chain_id = $1 AND state = 'halted') c`;

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
