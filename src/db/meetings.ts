import type { Attendance } from "../domain/outcome.ts";
import type { AuctionRef, Outcome } from "../domain/process.ts";
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
  readonly outcome: Outcome | null;
  readonly title: string | null;
  /** Who holds the pass, lower-case: the winner, until it is handed on. */
  readonly guest: string;
}

const COLUMNS = `m.id, m.chain_id AS "chainId", m.contract, m.auction_id AS "auctionId", m.host, m.winner, m.room_name AS "roomName", m.state,
  m.starts_at AS "startsAt", m.ends_at AS "endsAt", m.latest_ends_at AS "latestEndsAt", m.outcome, l.title,
  coalesce(a.last_pass_owner, m.winner) AS guest`;
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

export interface NewMeeting extends AuctionRef {
  readonly host: string;
  readonly winner: string;
  readonly roomName: string;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly latestEndsAt: Date;
}

/** The meeting of a sold auction, made if it is not there yet. */
export async function ensureMeeting(tx: Queryable, meeting: NewMeeting): Promise<Meeting> {
  const [made] = await tx.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, starts_at, ends_at, latest_ends_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (chain_id, contract, auction_id) DO NOTHING RETURNING id`,
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
    ],
  );
  const [row] = await tx.query<Meeting>(
    `SELECT ${COLUMNS} FROM ${FROM} WHERE m.chain_id = $1 AND m.contract = $2 AND m.auction_id = $3`,
    [meeting.chainId, meeting.contract, meeting.auctionId],
  );
  if (row === undefined) throw new Error("a meeting that was just written is not there");
  if (made !== undefined)
    await tell(tx, row, "meeting-created", {
      startsAt: row.startsAt.toISOString(),
      endsAt: row.endsAt.toISOString(),
    });
  return row;
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

/** → closing, with the outcome the contract will be told. An outcome that was decided before stays. */
export async function markClosing(
  tx: Queryable,
  meetingId: string,
  outcome: Outcome,
  closedBy: string | null,
): Promise<Outcome> {
  const [row] = await tx.query<{ outcome: Outcome }>(
    `UPDATE meetings SET state = CASE WHEN state = 'closed' THEN state ELSE 'closing' END, outcome = coalesce(outcome, $2), closed_at = coalesce(closed_at, now()),
       closed_by = coalesce(closed_by, $3), version = version + 1 WHERE id = $1 RETURNING outcome`,
    [meetingId, outcome, closedBy],
  );
  return row?.outcome ?? outcome;
}

export async function markClosed(tx: Queryable, meetingId: string): Promise<void> {
  await tx.query(
    "UPDATE meetings SET state = 'closed', version = version + 1 WHERE id = $1 AND state = 'closing'",
    [meetingId],
  );
}

/**
 * Who was in the room; where Jitsi reported nobody it could name, who was let in. An occupant without a role (a recorder,
 * or a Jitsi that does not pass user ids on) says nothing about the two.
 */
export async function attendanceOf(db: Queryable, meetingId: string): Promise<Attendance> {
  const seen = await db.query<{ role: string | null }>(
    "SELECT role FROM meeting_attendance WHERE meeting_id = $1 AND role IS NOT NULL",
    [meetingId],
  );
  if (seen.length > 0)
    return {
      host: seen.some((one) => one.role === "host"),
      winner: seen.some((one) => one.role === "winner"),
      source: "occupancy",
    };
  const granted = await db.query<{ role: string | null }>(
    "SELECT DISTINCT role FROM meeting_access_logs WHERE meeting_id = $1 AND granted",
    [meetingId],
  );
  return {
    host: granted.some((one) => one.role === "host"),
    winner: granted.some((one) => one.role === "winner"),
    source: "grants",
  };
}
