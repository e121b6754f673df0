import { Migration } from "@mikro-orm/migrations";

/** One live session for each role of a meeting, rooms that have to be ended, attendance by session, and overruled outcomes. */
export class Migration20261123300000_meeting_access extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `CREATE TABLE meeting_sessions (
    -- The user id in the room token, so that what Jitsi reports of an occupant leads back to the grant.
    id uuid PRIMARY KEY,
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    user_id uuid NOT NULL REFERENCES users(id),
    role text NOT NULL CHECK (role IN ('host', 'winner')),
    wallet eth_address NOT NULL,
    room_name text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    token_expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('replaced', 'pass_moved', 'meeting_over')),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
  )`,
  `CREATE UNIQUE INDEX meeting_sessions_live ON meeting_sessions (meeting_id, role) WHERE ended_at IS NULL`,
  `CREATE INDEX meeting_sessions_meeting ON meeting_sessions (meeting_id, granted_at)`,
  // Rooms nobody may be in any more: of a pass that moved on, or of a meeting that is over and could not be ended at once.
  `CREATE TABLE meeting_rooms_left (
    room_name text PRIMARY KEY,
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    left_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
  )`,
  `CREATE INDEX meeting_rooms_left_open ON meeting_rooms_left (meeting_id) WHERE ended_at IS NULL`,
  `ALTER TABLE meeting_attendance ADD COLUMN session_id uuid REFERENCES meeting_sessions(id)`,
  // Null: noted before this was kept.
  `ALTER TABLE meeting_attendance ADD COLUMN room_name text`,
  // Whoever was still in a room when it was destroyed has left it then, whether or not that was reported.
  `CREATE TABLE meeting_room_ends (
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    room_name text NOT NULL,
    destroyed_at timestamptz NOT NULL,
    PRIMARY KEY (meeting_id, room_name, destroyed_at)
  )`,
  // Who decided otherwise than the attendance says, when and why.
  `CREATE TABLE meeting_overrules (
    -- The id of the workflow's update, so that a repeated step writes it once.
    id text PRIMARY KEY,
    place bigint GENERATED ALWAYS AS IDENTITY,
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    outcome smallint NOT NULL CHECK (outcome IN (1, 2, 3)),
    decided_by text NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX meeting_overrules_meeting ON meeting_overrules (meeting_id, place)`,
];
