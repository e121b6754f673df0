import { first, type Queryable } from "./database.ts";
import type { MeetingRole } from "./access.ts";
import { recordEvents } from "./events.ts";

/** One way into a meeting's room: what a room token stands for. At most one of each role is live. */
export interface NewSession {
  /** `context.user.id` of the room token. */
  readonly id: string;
  readonly meetingId: string;
  readonly userId: string;
  readonly role: MeetingRole;
  readonly wallet: string;
  /** The room that the token opens. */
  readonly roomName: string;
  readonly tokenExpiresAt: Date;
  /** The block at which the pass owner was read; null for the host. */
  readonly blockNumber: number | null;
}

/**
 * Locks a meeting that can be entered now, in this room and by this pass owner; false when it cannot any more. The owner was
 * read from the chain some time ago: the projection decides where it has seen a later block that says otherwise.
 */
export async function lockEnterable(tx: Queryable, session: NewSession): Promise<boolean> {
  const rows = await tx.query(
    "SELECT FROM meetings WHERE id = $1 AND state IN ('scheduled', 'open') AND ends_at > now() AND room_name = $2 FOR UPDATE",
    [session.meetingId, session.roomName],
  );
  if (rows.length === 0 || session.role === "host") return rows.length > 0;
  // A statement of its own: it sees what was committed while this one waited for the lock.
  const moved = await tx.query(
    `SELECT FROM meetings m JOIN auctions a USING (chain_id, contract, auction_id)
     WHERE m.id = $1 AND a.updated_block > $2 AND a.pass_owner IS DISTINCT FROM $3::text`,
    [session.meetingId, session.blockNumber, session.wallet],
  );
  return moved.length === 0;
}

/** Opens a session, in the place of the live one of that role, whose holder is told. The meeting's row must be locked. */
export async function openSession(tx: Queryable, session: NewSession): Promise<void> {
  const { meetingId, role } = session;
  const replaced = await tx.query<{ id: string; userId: string }>(
    `UPDATE meeting_sessions SET ended_at = now(), ended_by = 'replaced' WHERE meeting_id = $1 AND role = $2 AND ended_at IS NULL
     RETURNING id, user_id AS "userId"`,
    [meetingId, role],
  );
  await tx.query(
    `INSERT INTO meeting_sessions (id, meeting_id, user_id, role, wallet, room_name, token_expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      session.id,
      meetingId,
      session.userId,
      role,
      session.wallet,
      session.roomName,
      session.tokenExpiresAt,
    ],
  );
  await recordEvents(
    tx,
    replaced.map((one) => ({
      type: "meeting-session-replaced",
      audience: [`user:${one.userId}`],
      data: { meetingId, sessionId: one.id, role },
      cause: `meeting-session:${one.id}:replaced`,
    })),
  );
}

/** Ends whatever sessions of a meeting are live, because it is over. */
export async function endSessions(tx: Queryable, meetingId: string): Promise<void> {
  await tx.query(
    "UPDATE meeting_sessions SET ended_at = now(), ended_by = 'meeting_over' WHERE meeting_id = $1 AND ended_at IS NULL",
    [meetingId],
  );
}

/** The session that an occupant's token was made for. */
export async function findSession(
  db: Queryable,
  meetingId: string,
  sessionId: string,
): Promise<{ readonly id: string; readonly role: MeetingRole } | undefined> {
  return first(db, "SELECT id, role FROM meeting_sessions WHERE id = $1 AND meeting_id = $2", [
    sessionId,
    meetingId,
  ]);
}

/**
 * Takes the pass owner's access from everybody but `owner`, and writes into the log that it did. Returns whether any of them
 * ever got a token for this room, which stays valid at Jitsi until it expires.
 */
export async function endWinnerSessions(
  tx: Queryable,
  meeting: { readonly id: string; readonly roomName: string },
  owner: string | null,
  blockNumber: number,
): Promise<boolean> {
  await tx.query(
    `WITH ended AS (
       UPDATE meeting_sessions SET ended_at = now(), ended_by = 'pass_moved'
       WHERE meeting_id = $1 AND role = 'winner' AND ended_at IS NULL AND wallet IS DISTINCT FROM $2::text
       RETURNING id, user_id, wallet)
     INSERT INTO meeting_access_logs (meeting_id, user_id, wallet, role, granted, reason, checked, block_number)
     SELECT $1, user_id, wallet, 'winner', false, 'pass_moved', jsonb_build_object('by', 'indexer', 'sessionId', id, 'passOwner', $2::text), $3 FROM ended`,
    [meeting.id, owner, blockNumber],
  );
  const known = await tx.query(
    "SELECT FROM meeting_sessions WHERE meeting_id = $1 AND role = 'winner' AND room_name = $2 AND wallet IS DISTINCT FROM $3::text LIMIT 1",
    [meeting.id, meeting.roomName, owner],
  );
  return known.length > 0;
}

/** Gives a meeting another room; the one before is to be ended. */
export async function moveRoom(
  tx: Queryable,
  meeting: { readonly id: string; readonly roomName: string },
  roomName: string,
): Promise<void> {
  await leaveRoom(tx, meeting);
  await tx.query("UPDATE meetings SET room_name = $2, version = version + 1 WHERE id = $1", [
    meeting.id,
    roomName,
  ]);
}

/** Notes that nobody may be in a room any more and that it is still to be ended. */
export async function leaveRoom(
  tx: Queryable,
  meeting: { readonly id: string; readonly roomName: string },
): Promise<void> {
  await tx.query(
    "INSERT INTO meeting_rooms_left (room_name, meeting_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
    [meeting.roomName, meeting.id],
  );
}

/** The rooms of a meeting that are still to be ended. */
export async function roomsToEnd(db: Queryable, meetingId: string): Promise<readonly string[]> {
  const rows = await db.query<{ roomName: string }>(
    `SELECT room_name AS "roomName" FROM meeting_rooms_left WHERE meeting_id = $1 AND ended_at IS NULL ORDER BY left_at`,
    [meetingId],
  );
  return rows.map((row) => row.roomName);
}

export async function markRoomEnded(db: Queryable, roomName: string): Promise<void> {
  await db.query(
    "UPDATE meeting_rooms_left SET ended_at = now() WHERE room_name = $1 AND ended_at IS NULL",
    [roomName],
  );
}
