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
  /** From when on the room may be entered, by the database's clock. */
  readonly opensAt: Date;
  /** The block at which the pass owner was read; null for the host. */
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
}

/**
 * Whether the projection has its say about an ownership that was read at block number `n`, hash `h` (SQL; a cursor `c` must
 * be there): it has come to that block or further, or has seen it dropped. What was read at a later one it cannot judge yet.
 */
const judged = (n: string, h: string): string =>
  `(coalesce(${n}, 0) <= c.block_number OR EXISTS (SELECT FROM chain_dropped_blocks d WHERE d.chain_id = c.chain_id AND d.hash = ${h}))`;

/**
 * Locks a meeting that can be entered now, in this room and by this pass owner; false when it cannot any more. The owner was
 * read from the chain some time ago: the projection decides where it knows better.
 */
export async function lockEnterable(tx: Queryable, session: NewSession): Promise<boolean> {
  const rows = await tx.query(
    "SELECT FROM meetings WHERE id = $1 AND state IN ('scheduled', 'open') AND ends_at > now() AND $3::timestamptz <= now() AND room_name = $2 FOR UPDATE",
    [session.meetingId, session.roomName, session.opensAt],
  );
  if (rows.length === 0 || session.role === "host") return rows.length > 0;
  // A statement of its own: it sees what was committed while this one waited for the lock.
  const moved = await tx.query(
    `SELECT FROM meetings m JOIN chain_cursors c USING (chain_id) LEFT JOIN auctions a USING (chain_id, contract, auction_id)
     WHERE m.id = $1 AND ${judged("$2::bigint", "$3::text")} AND a.pass_owner IS DISTINCT FROM $4::text`,
    [session.meetingId, session.blockNumber, session.blockHash, session.wallet],
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
    `INSERT INTO meeting_sessions (id, meeting_id, user_id, role, wallet, room_name, token_expires_at, block_number, block_hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      session.id,
      meetingId,
      session.userId,
      role,
      session.wallet,
      session.roomName,
      session.tokenExpiresAt,
      session.blockNumber,
      session.blockHash,
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

/** Somebody who got in as the owner of a pass that is not theirs any more, by what the projection says. */
export interface StaleSession {
  readonly id: string;
  readonly meetingId: string;
  readonly wallet: string;
  /** Not ended yet. */
  readonly isLive: boolean;
  /** Its token is for the room that the meeting has now. */
  readonly isOfRoom: boolean;
}

/**
 * The sessions that an owner who is none any more (or never was, on the chain of now) still has: live ones, and ended ones
 * with a token for the present room, which stays valid at Jitsi until it expires. Those read at a block that the projection
 * has not come to are spared: it is asked again when it has.
 */
export async function staleSessions(
  tx: Queryable,
  at: { readonly chainId: number; readonly contract: string },
): Promise<readonly StaleSession[]> {
  return tx.query<StaleSession>(
    `SELECT s.id, s.meeting_id AS "meetingId", s.wallet::text, s.ended_at IS NULL AS "isLive", s.room_name = m.room_name AS "isOfRoom"
     FROM meetings m JOIN meeting_sessions s ON s.meeting_id = m.id AND s.role = 'winner' JOIN chain_cursors c ON c.chain_id = m.chain_id
       LEFT JOIN auctions a ON a.chain_id = m.chain_id AND a.contract = m.contract AND a.auction_id = m.auction_id
     WHERE m.chain_id = $1 AND m.contract = $2 AND m.state IN ('scheduled', 'open')
       AND (s.ended_at IS NULL OR s.room_name = m.room_name)
       AND ${judged("s.block_number", "s.block_hash")} AND s.wallet IS DISTINCT FROM a.pass_owner
     ORDER BY s.meeting_id, s.granted_at, s.id`,
    [at.chainId, at.contract],
  );
}

/** Ends sessions because the pass moved on to `owner` (null: nobody), and writes into the access log that it did. */
export async function endMovedSessions(
  tx: Queryable,
  sessionIds: readonly string[],
  owner: string | null,
  blockNumber: number,
): Promise<void> {
  await tx.query(
    `WITH ended AS (
       UPDATE meeting_sessions SET ended_at = now(), ended_by = 'pass_moved'
       WHERE id = ANY($1::uuid[]) AND ended_at IS NULL RETURNING id, meeting_id, user_id, wallet)
     INSERT INTO meeting_access_logs (meeting_id, user_id, wallet, role, granted, reason, checked, block_number)
     SELECT meeting_id, user_id, wallet, 'winner', false, 'pass_moved', jsonb_build_object('by', 'indexer', 'sessionId', id, 'passOwner', $2::text), $3 FROM ended`,
    [sessionIds, owner, blockNumber],
  );
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
