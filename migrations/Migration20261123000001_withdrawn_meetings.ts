import { Migration } from "@mikro-orm/migrations";

/** A meeting whose sale a reorg took back is withdrawn, and its auction may come to another one. */
export class Migration20261123000001_withdrawn_meetings extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `ALTER TABLE meetings DROP CONSTRAINT meetings_chain_id_contract_auction_id_key`,
  `CREATE UNIQUE INDEX meetings_standing ON meetings (chain_id, contract, auction_id) WHERE state <> 'withdrawn'`,
  `CREATE INDEX meetings_auction ON meetings (chain_id, contract, auction_id)`,
  // Which auction it was made for: after a reorg another auction may have the same id. Null: made before this was kept.
  `ALTER TABLE meetings ADD COLUMN auction_salt eth_hash`,
  // start-auction: also when the process has come to its end before.
  `ALTER TABLE outbox ADD COLUMN again boolean NOT NULL DEFAULT false`,
  `CREATE INDEX chain_logs_dropped_creations ON chain_logs (chain_id, block_number) WHERE event = 'AuctionCreated' AND NOT canonical`,
];
