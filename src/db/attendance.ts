import { attendanceFrom, presenceOf, type Span } from "../domain/attendance.ts";
import type { Attendance } from "../domain/outcome.ts";
import type { MeetingRole } from "./access.ts";
import { first, type Queryable } from "./database.ts";

/** What Jitsi reported of one occupant of a meeting's room. */
export interface OccupantReport {
  readonly meetingId: string;
  readonly occupantId: string;
  readonly roomName: string;
  readonly sessionId: string | null;
  readonly role: MeetingRole | null;
  readonly joinedAt: Date | null;
  readonly leftAt: Date | null;
}

/**
 * Notes that an occupant came or went. Deliveries repeat and overtake one another, so only the first coming and the last
 * going count, whatever order they arrive in.
 */
export async function noteOccupant(db: Queryable, occupant: OccupantReport): Promise<void> {
  await db.query(
    `INSERT INTO meeting_attendance (meeting_id, occupant_id, role, joined_at, left_at, session_id, room_name) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (meeting_id, occupant_id) DO UPDATE SET
       role = coalesce(meeting_attendance.role, EXCLUDED.role),
       joined_at = least(meeting_attendance.joined_at, EXCLUDED.joined_at),
       left_at = greatest(meeting_attendance.left_at, EXCLUDED.left_at),
       session_id = coalesce(meeting_attendance.session_id, EXCLUDED.session_id),
       room_name = coalesce(meeting_attendance.room_name, EXCLUDED.room_name)`,
    [
      occupant.meetingId,
      occupant.occupantId,
      occupant.role,
      occupant.joinedAt,
      occupant.leftAt,
      occupant.sessionId,
      occupant.roomName,
    ],
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

/** Occupants of sessions that are over who have come to the meeting's present room and have not left it. */
export async function overstayingOccupants(
  db: Queryable,
  meetingId: string,
): Promise<readonly string[]> {
  const rows = await db.query<{ occupantId: string }>(
    `SELECT o.occupant_id AS "occupantId" FROM meeting_attendance o JOIN meeting_sessions s ON s.id = o.session_id JOIN meetings m ON m.id = o.meeting_id
     WHERE o.meeting_id = $1 AND o.room_name = m.room_name AND s.ended_at IS NOT NULL AND o.joined_at IS NOT NULL AND o.left_at IS NULL
       AND NOT EXISTS (SELECT FROM meeting_room_ends e WHERE e.meeting_id = o.meeting_id AND e.room_name = o.room_name AND e.destroyed_at > o.joined_at)`,
    [meetingId],
  );
  return rows.map((row) => row.occupantId);
}

const STAYS = `SELECT o.role, o.room_name AS "roomName", extract(epoch FROM o.joined_at)::float8 * 1000 AS "joinedAtMs", extract(epoch FROM o.left_at)::float8 * 1000 AS "leftAtMs",
    extract(epoch FROM s.granted_at)::float8 * 1000 AS "grantedAtMs",
    CASE WHEN s.ended_by = 'pass_moved' THEN extract(epoch FROM s.ended_at)::float8 * 1000 END AS "withdrawnAtMs"
  FROM meeting_attendance o LEFT JOIN meeting_sessions s ON s.id = o.session_id WHERE o.meeting_id = $1 AND o.role IS NOT NULL`;

/** Grants of before sessions were kept are in the log only. */
const GRANTS = `SELECT role, NULL AS "roomName", extract(epoch FROM granted_at)::float8 * 1000 AS "joinedAtMs", NULL::float8 AS "leftAtMs", NULL::float8 AS "grantedAtMs",
    CASE WHEN ended_by = 'pass_moved' THEN extract(epoch FROM ended_at)::float8 * 1000 END AS "withdrawnAtMs"
  FROM meeting_sessions WHERE meeting_id = $1
  UNION ALL SELECT role, NULL, extract(epoch FROM created_at)::float8 * 1000, NULL, NULL, NULL FROM meeting_access_logs
  WHERE meeting_id = $1 AND granted AND role IS NOT NULL AND NOT EXISTS (SELECT FROM meeting_sessions WHERE meeting_id = $1)`;

/**
 * How long the two were there within the span. Where Jitsi reported nobody it could name, being let in counts as being
 * there from then on. An occupant without a role (a recorder, or a Jitsi that does not pass user ids on) says nothing
 * about the two.
 */
export async function attendanceOf(
  db: Queryable,
  meetingId: string,
  span: Span,
): Promise<Attendance> {
  type Row = Parameters<typeof presenceOf>[0];
  const ends = await db.query<{ roomName: string; atMs: number }>(
    `SELECT room_name AS "roomName", extract(epoch FROM destroyed_at)::float8 * 1000 AS "atMs" FROM meeting_room_ends WHERE meeting_id = $1`,
    [meetingId],
  );
  const seen = await db.query<Row>(STAYS, [meetingId]);
  const stays = seen.length > 0 ? seen : await db.query<Row>(GRANTS, [meetingId]);
  return attendanceFrom(
    stays.map((stay) => presenceOf(stay, ends)),
    span,
    seen.length > 0 ? "occupancy" : "grants",
  );
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
