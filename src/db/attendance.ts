import { attendanceFrom, type Presence, type Span } from "../domain/attendance.ts";
import type { Attendance } from "../domain/outcome.ts";
import {
  overstaying,
  type RoomEnd,
  type RoomLeft,
  type Sighting,
  type Stay,
  staysFrom,
} from "../domain/stays.ts";
import type { MeetingRole } from "./access.ts";
import { first, type Queryable } from "./database.ts";

/** What Jitsi reported of one occupant of a meeting's room. */
export interface OccupantReport {
  readonly meetingId: string;
  readonly occupantId: string;
  readonly roomName: string;
  /** Which breakout room of it; the room itself without it. */
  readonly breakout?: string;
  readonly sessionId: string | null;
  readonly role: MeetingRole | null;
  readonly joinedAt: Date | null;
  readonly leftAt: Date | null;
}

/**
 * Comings of one role that are kept for a meeting: one every second for more than an hour. Whoever comes more often is not
 * there any more, so that nobody can fill the database or keep a meeting from being counted.
 */
const MAX_COMINGS = 5_000;

/**
 * Notes that an occupant came or went. Deliveries repeat and overtake one another: every coming and going is kept once, and
 * they are paired when they are read.
 */
export async function noteOccupant(db: Queryable, occupant: OccupantReport): Promise<void> {
  const { meetingId, occupantId, roomName, breakout = "", role, sessionId } = occupant;
  const { joinedAt, leftAt } = occupant;
  const kept = await db.query(
    `INSERT INTO meeting_occupancy (meeting_id, room_name, breakout, occupant_id, kind, at, role, session_id)
     SELECT $1, $2, $3, $4, seen.kind, seen.at, $5, $6 FROM (VALUES ('joined', $7::timestamptz), ('left', $8)) seen (kind, at)
     WHERE seen.at IS NOT NULL AND (
       (SELECT count(*) FROM meeting_occupancy o WHERE o.meeting_id = $1 AND o.role IS NOT DISTINCT FROM $5::text AND o.kind = 'joined') < ${MAX_COMINGS}
       -- The going of a coming that was kept always counts.
       OR EXISTS (SELECT FROM meeting_occupancy o WHERE o.meeting_id = $1 AND o.room_name = $2 AND o.breakout = $3 AND o.occupant_id = $4
         AND o.kind = 'joined' AND seen.kind = 'left' AND o.at <= seen.at))
     ON CONFLICT (meeting_id, room_name, breakout, occupant_id, kind, at) DO UPDATE SET kind = EXCLUDED.kind RETURNING 1`,
    [meetingId, roomName, breakout, occupantId, role, sessionId, joinedAt, leftAt],
  );
  if (kept.length === 0) return;
  // For processes of the version before, which read the first coming and the last going alone.
  await db.query(
    `INSERT INTO meeting_attendance (meeting_id, occupant_id, role, joined_at, left_at, session_id, room_name) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (meeting_id, occupant_id) DO UPDATE SET
       role = coalesce(meeting_attendance.role, EXCLUDED.role),
       joined_at = least(meeting_attendance.joined_at, EXCLUDED.joined_at),
       left_at = greatest(meeting_attendance.left_at, EXCLUDED.left_at),
       session_id = coalesce(meeting_attendance.session_id, EXCLUDED.session_id),
       room_name = coalesce(meeting_attendance.room_name, EXCLUDED.room_name)`,
    [meetingId, occupantId, role, joinedAt, leftAt, sessionId, roomName],
  );
}

/** Notes that a room was destroyed. */
export async function noteRoomEnd(
  db: Queryable,
  end: { readonly meetingId: string; readonly roomName: string; readonly at: Date },
): Promise<void> {
  await db.query(
    "INSERT INTO meeting_room_ends (meeting_id, room_name, destroyed_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    [end.meetingId, end.roomName, end.at],
  );
}

const ms = (column: string): string => `extract(epoch FROM ${column})::float8 * 1000`;

/** What is known of a version before, which kept no more than the first coming and the last going, is told beside. */
const SIGHTINGS = `SELECT o.role, o.room_name AS "roomName", o.breakout, o.occupant_id AS "occupantId", o.session_id AS "sessionId", o.kind,
    ${ms("o.at")} AS "atMs", ${ms("o.received_at")} AS "receivedAtMs", ${ms("s.granted_at")} AS "grantedAtMs",
    CASE WHEN s.ended_by = 'pass_moved' THEN ${ms("s.ended_at")} END AS "withdrawnAtMs"
  FROM (
    SELECT role, room_name, breakout, occupant_id, session_id, kind, at, received_at FROM meeting_occupancy WHERE meeting_id = $1
    UNION ALL
    SELECT a.role, coalesce(a.room_name, m.room_name), '', a.occupant_id, a.session_id, seen.kind, seen.at, NULL
    FROM meeting_attendance a JOIN meetings m ON m.id = a.meeting_id
    CROSS JOIN LATERAL (VALUES ('joined', a.joined_at), ('left', a.left_at)) seen (kind, at)
    WHERE a.meeting_id = $1 AND seen.at IS NOT NULL
      AND NOT EXISTS (SELECT FROM meeting_occupancy n WHERE n.meeting_id = a.meeting_id AND n.occupant_id = a.occupant_id)
  ) o LEFT JOIN meeting_sessions s ON s.id = o.session_id WHERE o.role IS NOT NULL`;

async function roomsLeft(db: Queryable, meetingId: string): Promise<readonly RoomLeft[]> {
  return db.query<RoomLeft>(
    `SELECT room_name AS "roomName", ${ms("left_at")} AS "atMs" FROM meeting_rooms_left WHERE meeting_id = $1`,
    [meetingId],
  );
}

/** The stays of those who have a role, as far as Jitsi told of them. */
async function staysOf(db: Queryable, meetingId: string): Promise<readonly Stay[]> {
  const ends = await db.query<RoomEnd>(
    `SELECT room_name AS "roomName", ${ms("destroyed_at")} AS "atMs", ${ms("received_at")} AS "receivedAtMs" FROM meeting_room_ends WHERE meeting_id = $1`,
    [meetingId],
  );
  const sightings = await db.query<Sighting>(SIGHTINGS, [meetingId]);
  return staysFrom(sightings, ends, await roomsLeft(db, meetingId));
}

/**
 * Occupants that have come to the meeting's present room and have not left it, although their session is over or a newer
 * connection of it has come.
 */
export async function overstayingOccupants(
  db: Queryable,
  meetingId: string,
): Promise<readonly string[]> {
  const meeting = await first<{ roomName: string }>(
    db,
    `SELECT room_name AS "roomName" FROM meetings WHERE id = $1`,
    [meetingId],
  );
  const ended = await db.query<{ id: string }>(
    "SELECT id FROM meeting_sessions WHERE meeting_id = $1 AND ended_at IS NOT NULL",
    [meetingId],
  );
  const stays = await staysOf(db, meetingId);
  return overstaying(stays, meeting?.roomName ?? "", new Set(ended.map((one) => one.id)));
}

/** Grants of before sessions were kept are in the log only; they were for the meeting's first room. */
const GRANTS = `SELECT role, room_name AS room, room_name AS "roomName", ${ms("granted_at")} AS "fromMs",
    CASE WHEN ended_by = 'pass_moved' THEN ${ms("ended_at")} END AS "withdrawnAtMs"
  FROM meeting_sessions WHERE meeting_id = $1
  UNION ALL SELECT l.role, first.room, first.room, ${ms("l.created_at")}, NULL FROM meeting_access_logs l
    CROSS JOIN (SELECT coalesce((SELECT room_name FROM meeting_rooms_left WHERE meeting_id = $1 ORDER BY left_at LIMIT 1), room_name) AS room FROM meetings WHERE id = $1) first
  WHERE l.meeting_id = $1 AND l.granted AND l.role IS NOT NULL AND NOT l.checked ? 'sessionId'`;

/** Where Jitsi reported nobody it could name, being let in counts as being in the room from then on. */
async function presencesOfGrants(db: Queryable, meetingId: string): Promise<readonly Presence[]> {
  type Grant = Omit<Presence, "untilMs"> & { roomName: string; withdrawnAtMs: number | null };
  const grants = await db.query<Grant>(GRANTS, [meetingId]);
  const lefts = await roomsLeft(db, meetingId);
  const leftAt = new Map(lefts.map((left) => [left.roomName, left.atMs]));
  return grants.map(({ withdrawnAtMs, roomName, ...grant }) => ({
    ...grant,
    untilMs: Math.min(withdrawnAtMs ?? Infinity, leftAt.get(roomName) ?? Infinity),
  }));
}

/**
 * How long the two were there within the span, by what Jitsi reported; where it reported nobody it could name, by our grants.
 * An occupant without a role (a recorder, or a Jitsi that does not pass user ids on) says nothing about the two.
 */
export async function attendanceOf(
  db: Queryable,
  meetingId: string,
  span: Span,
): Promise<Attendance> {
  const stays = await staysOf(db, meetingId);
  return stays.length > 0
    ? attendanceFrom(stays, span, "occupancy")
    : attendanceFrom(await presencesOfGrants(db, meetingId), span, "grants");
}

/** What an operator has decided of a meeting, last. */
export async function overruledOutcome(
  db: Queryable,
  meetingId: string,
): Promise<1 | 2 | 3 | undefined> {
  const row = await first<{ outcome: 1 | 2 | 3 }>(
    db,
    "SELECT outcome FROM meeting_overrules WHERE meeting_id = $1 ORDER BY place DESC LIMIT 1",
    [meetingId],
  );
  return row?.outcome;
}
