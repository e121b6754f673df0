import { Migration } from "@mikro-orm/migrations";

/** Every coming and going in a meeting's rooms, as Jitsi told it, and when we were told. */
export class Migration20261123400000_every_coming_and_going extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // The same connection may leave a room and come back to it. meeting_attendance keeps its first coming and its last going
  // alone; it is still written for processes of the version before.
  `CREATE TABLE meeting_occupancy (
    meeting_id uuid NOT NULL REFERENCES meetings(id),
    room_name text NOT NULL,
    -- Which breakout room of it; empty for the room itself.
    breakout text NOT NULL DEFAULT '',
    occupant_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('joined', 'left')),
    -- By Jitsi's clock.
    at timestamptz NOT NULL,
    role text CHECK (role IN ('host', 'winner')),
    session_id uuid REFERENCES meeting_sessions(id),
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (meeting_id, room_name, breakout, occupant_id, kind, at)
  )`,
  // When we were told of a room's end: it has not ended later than that, whatever Jitsi's clock says.
  `ALTER TABLE meeting_room_ends ADD COLUMN received_at timestamptz NOT NULL DEFAULT now()`,
];
