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
  // The first row of a transaction to be numbered numbers them all: one update of the counter's row for each event makes a
  // transaction of thousands of events (a backfill) slow in proportion to their square. Ids are in the order of insertion,
  // and no row of another transaction is ever seen without a number.
  `CREATE INDEX events_unnumbered ON events (id) WHERE seq IS NULL`,
  `CREATE OR REPLACE FUNCTION number_event() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE last bigint; unnumbered bigint;
    BEGIN
      IF EXISTS (SELECT FROM events WHERE id = NEW.id AND seq IS NOT NULL) THEN RETURN NULL; END IF;
      SELECT count(*) INTO unnumbered FROM events WHERE seq IS NULL;
      UPDATE event_sequence SET last_seq = last_seq + unnumbered RETURNING last_seq INTO last;
      UPDATE events e SET seq = last - unnumbered + o.place
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM events WHERE seq IS NULL) o WHERE e.id = o.id;
      PERFORM pg_notify('events', last::text);
      RETURN NULL;
    END $$`,
];
