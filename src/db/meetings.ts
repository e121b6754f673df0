import type { AuctionRef, MeetingInput, MeetingState, Outcome } from "../domain/process.ts";
import { refused } from "../errors.ts";
import { first, type Queryable } from "./database.ts";
import { recordEvents } from "./events.ts";

export interface Meeting extends AuctionRef {
  readonly id: string;
  readonly host: string;
  readonly winner: string;
  readonly roomName: string;
  readonly state: "scheduled" | "open" | "closing" | "closed" | "withdrawn";
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly latestEndsAt: Date;
  /** How long it was sold to last, in seconds, without extensions. */
  readonly scheduledS: number;
  readonly outcome: Outcome | null;
  readonly title: string | null;
  /** Which auction of that id it was made for; null when that was not kept yet. */
  readonly auctionSalt: string | null;
  /** Who holds the pass, lower-case: the winner, until it is handed on. */
  readonly guest: string;
}

const COLUMNS = `m.id, m.chain_id AS "chainId", m.contract, m.auction_id AS "auctionId", m.host, m.winner, m.room_name AS "roomName", m.state,
  m.starts_at AS "startsAt", m.ends_at AS "endsAt", m.latest_ends_at AS "latestEndsAt", m.outcome, l.title,
  m.auction_salt AS "auctionSalt", coalesce(a.meeting_duration_s, extract(epoch FROM m.ends_at - m.starts_at)::int) AS "scheduledS",
  -- The pass of a meeting that was withdrawn is gone: the one there is belongs to a later sale.
  CASE WHEN m.state = 'withdrawn' THEN m.winner ELSE coalesce(a.last_pass_owner, m.winner) END AS guest`;
const FROM = `meetings m LEFT JOIN auction_listings l USING (chain_id, contract, auction_id)
  LEFT JOIN auctions a USING (chain_id, contract, auction_id)`;

/** @throws AppError `meeting_not_found` (refuse) */
export async function getMeeting(db: Queryable, meetingId: string): Promise<Meeting> {
  const meeting = await first<Meeting>(db, `SELECT ${COLUMNS} FROM ${FROM} WHERE m.id = $1`, [
    meetingId,
  ]);
  if (meeting === undefined)
    throw refused("meeting_not_found", `there is no meeting ${meetingId}`, 404);
  return meeting;
}

/** The state of a meeting, which stays so until the transaction ends. */
export async function lockState(
  tx: Queryable,
  meetingId: string,
): Promise<Meeting["state"] | undefined> {
  const row = await first<{ state: Meeting["state"] }>(
    tx,
    "SELECT state FROM meetings WHERE id = $1 FOR UPDATE",
    [meetingId],
  );
  return row?.state;
}

export interface NewMeeting extends AuctionRef {
  readonly auctionSalt: string;
  readonly host: string;
  readonly winner: string;
  readonly roomName: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly latestEndsAt: Date;
}

/** The meeting of a sold auction, made if there is none yet that stands. */
export async function ensureMeeting(tx: Queryable, meeting: NewMeeting): Promise<Meeting> {
  const [made] = await tx.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at, auction_salt)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (chain_id, contract, auction_id) WHERE state <> 'withdrawn' DO NOTHING RETURNING id`,
    [
      meeting.chainId,
      meeting.contract,
      meeting.auctionId,
      meeting.host,
      meeting.winner,
      meeting.roomName,
      meeting.startsAt,
      meeting.endsAt,
      meeting.latestEndsAt,
      meeting.auctionSalt,
    ],
  );
  const [row] = await liveMeetings(tx, meeting.chainId, meeting.contract, [meeting.auctionId]);
  if (row === undefined) throw new Error("a meeting that was just written is not there");
  if (made !== undefined)
    await tell(tx, row, "meeting-created", {
      startsAt: row.startsAt.toISOString(),
      endsAt: row.endsAt.toISOString(),
    });
  return row;
}

/**
 * Writes down a meeting that its process knows and the database does not. Its people, its times and how far it is are as before; its
 * room is a new one, and who was in the old one is lost. Returns false when the auction has a meeting.
 */
export async function restoreMeeting(
  tx: Queryable,
  input: MeetingInput & { readonly auctionSalt: string; readonly roomName: string },
  state: MeetingState,
): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO meetings (id, chain_id, contract, auction_id, host, winner, room_name, state, starts_at, ends_at, latest_ends_at, auction_salt, outcome, closed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $8 = 'closing' THEN now() END)
     ON CONFLICT (chain_id, contract, auction_id) WHERE state <> 'withdrawn' DO NOTHING RETURNING id`,
    [
      input.meetingId,
      input.chainId,
      input.contract,
      input.auctionId,
      input.host,
      input.winner,
      input.roomName,
      state.phase,
      new Date(input.startsAtMs),
      new Date(state.endsAtMs),
      new Date(input.latestEndsAtMs),
      input.auctionSalt,
      state.outcome,
    ],
  );
  return rows.length > 0;
}

/** The meetings of these auctions that were not withdrawn: at most one of each. */
export async function liveMeetings(
  db: Queryable,
  chainId: number,
  contract: string,
  auctionIds: readonly string[],
): Promise<Meeting[]> {
  return db.query<Meeting>(
    `SELECT ${COLUMNS} FROM ${FROM}
     WHERE m.chain_id = $1 AND m.contract = $2 AND m.auction_id = ANY($3::numeric[]) AND m.state <> 'withdrawn'`,
    [chainId, contract, auctionIds],
  );
}

/** How many meetings of the auction were withdrawn. */
export async function withdrawnMeetings(db: Queryable, ref: AuctionRef): Promise<number> {
  const row = await first<{ count: number }>(
    db,
    "SELECT count(*)::int AS count FROM meetings WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 AND state = 'withdrawn'",
    [ref.chainId, ref.contract, ref.auctionId],
  );
  return row?.count ?? 0;
}

/** Meetings that stand although the creation of their auction was dropped, at a height in the range, and has not come back. */
export async function meetingsOfDroppedAuctions(
  db: Queryable,
  at: {
    readonly chainId: number;
    readonly contract: string;
    readonly above: number;
    readonly upTo: number;
  },
): Promise<Meeting[]> {
  return db.query<Meeting>(
    `SELECT DISTINCT ${COLUMNS} FROM ${FROM} JOIN chain_logs d ON d.chain_id = m.chain_id AND d.auction_id = m.auction_id
     WHERE d.chain_id = $1 AND m.contract = $2 AND d.event = 'AuctionCreated' AND NOT d.canonical AND d.block_number > $3 AND d.block_number <= $4
       AND m.state <> 'withdrawn' AND a.auction_id IS NULL`,
    [at.chainId, at.contract, at.above, at.upTo],
  );
}

/** An event for both participants. The cause makes a repeated activity tell it once. */
export async function tell(
  tx: Queryable,
  meeting: Meeting,
  type: string,
  data: object,
  detail = "",
): Promise<void> {
  await recordEvents(tx, [
    {
      type,
      audience: [`wallet:${meeting.host}`, `wallet:${meeting.guest}`],
      data: { meetingId: meeting.id, auctionId: meeting.auctionId, ...data },
      cause: `meeting:${meeting.id}:${type}${detail}`,
    },
  ]);
}

/** scheduled → open. Repeating it changes nothing. */
export async function markOpen(tx: Queryable, meetingId: string): Promise<void> {
  await tx.query(
    "UPDATE meetings SET state = 'open', opened_at = now(), version = version + 1 WHERE id = $1 AND state = 'scheduled'",
    [meetingId],
  );
}

/** Moves the end; never back, so that a repeated or late activity cannot undo a newer extension. */
export async function moveEnd(tx: Queryable, meetingId: string, endsAt: Date): Promise<void> {
  await tx.query(
    "UPDATE meetings SET ends_at = $2, version = version + 1 WHERE id = $1 AND ends_at < $2 AND state IN ('scheduled', 'open')",
    [meetingId, endsAt],
  );
}

/** Writes down to when a command of the host extended the meeting; when it has done so before, the end of then. */
export async function recordExtensionOf(
  tx: Queryable,
  meetingId: string,
  requestId: string,
  endsAt: Date,
): Promise<Date | undefined> {
  const rows = await tx.query(
    "INSERT INTO meeting_extensions (meeting_id, request_id, ends_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING request_id",
    [meetingId, requestId, endsAt],
  );
  if (rows.length > 0) return undefined;
  const before = await first<{ endsAt: Date }>(
    tx,
    `SELECT ends_at AS "endsAt" FROM meeting_extensions WHERE meeting_id = $1 AND request_id = $2`,
    [meetingId, requestId],
  );
  return before?.endsAt;
}

/** → closing, with the outcome the contract will be told. An outcome that was decided before stays. */
export async function markClosing(
  tx: Queryable,
  meetingId: string,
  outcome: Outcome,
  closedBy: string | null,
): Promise<{ readonly outcome: Outcome; readonly closedAt: Date }> {
  const [row] = await tx.query<{ outcome: Outcome; closedAt: Date }>(
    `UPDATE meetings SET state = CASE WHEN state IN ('closed', 'withdrawn') THEN state ELSE 'closing' END, outcome = coalesce(outcome, $2), closed_at = coalesce(closed_at, now()),
       closed_by = coalesce(closed_by, $3), version = version + 1 WHERE id = $1 RETURNING outcome, closed_at AS "closedAt"`,
    [meetingId, outcome, closedBy],
  );
  if (row === undefined)
    throw refused("meeting_not_found", `there is no meeting ${meetingId}`, 404);
  return row;
}

export async function markClosed(tx: Queryable, meetingId: string): Promise<void> {
  await tx.query(
    "UPDATE meetings SET state = 'closed', version = version + 1 WHERE id = $1 AND state = 'closing'",
    [meetingId],
  );
}

/** → withdrawn, from any state: the chain took back the sale it was made for. */
export async function markWithdrawn(tx: Queryable, meetingId: string): Promise<void> {
  await tx.query(
    "UPDATE meetings SET state = 'withdrawn', closed_at = coalesce(closed_at, now()), version = version + 1 WHERE id = $1 AND state <> 'withdrawn'",
    [meetingId],
  );
}
