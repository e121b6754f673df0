import { Migration } from "@mikro-orm/migrations";

/** By which block somebody was let in, which blocks a reorg dropped, how far a rebuilt projection has to come, decisions by meeting. */
export class Migration20261123500000_stale_access extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // The block at which the pass owner was read. Null for the host, and where it was not kept: then any block counts as later.
  `ALTER TABLE meeting_sessions ADD COLUMN block_number bigint, ADD COLUMN block_hash text`,
  // The log of the grant has known the number all along.
  `UPDATE meeting_sessions s SET block_number = l.block_number FROM meeting_access_logs l
   WHERE l.meeting_id = s.meeting_id AND l.granted AND l.checked->>'sessionId' = s.id::text AND s.role = 'winner'`,
  // The indexer asks with every block who in the rooms of today got in by an ownership that is over.
  `CREATE INDEX meetings_enterable ON meetings (chain_id, contract) WHERE state IN ('scheduled', 'open')`,
  `CREATE INDEX meeting_sessions_winner ON meeting_sessions (meeting_id) WHERE role = 'winner'`,
  // Blocks that were applied and then dropped by a reorg, and have not come back: what was read at them counts no more.
  `CREATE TABLE chain_dropped_blocks (
    chain_id bigint NOT NULL,
    hash eth_hash NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (chain_id, hash)
  )`,
  // Projections that are being built again: until that block they are of the past.
  `CREATE TABLE chain_rebuilds (
    chain_id bigint PRIMARY KEY,
    genesis_hash eth_hash NOT NULL,
    until_block bigint NOT NULL
  )`,
  // The id of an update is unique within its workflow, which is one meeting's.
  `ALTER TABLE meeting_overrules DROP CONSTRAINT meeting_overrules_pkey, ADD PRIMARY KEY (meeting_id, id)`,
];
