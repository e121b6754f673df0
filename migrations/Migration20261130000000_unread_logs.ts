import { Migration } from "@mikro-orm/migrations";

/**
 * Canonical logs of our contracts that make no sense, for people: the doctor counts them. One row for each log.
 * And the extensions that were recorded, by the id of the command: ids of updates hold for one run of a workflow, and a meeting may
 * get another run before the host's client asks again.
 */
export class Migration20261130000000_unread_logs extends Migration {
  override up(): void {
    this.addSql(`CREATE TABLE meeting_extensions (
      meeting_id uuid NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
      request_id text NOT NULL,
      ends_at timestamptz NOT NULL,
      recorded_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (meeting_id, request_id)
    )`);
    this.addSql(`CREATE TABLE chain_unread_logs (
      chain_id bigint NOT NULL,
      block_hash eth_hash NOT NULL,
      log_index integer NOT NULL,
      block_number bigint NOT NULL,
      transaction_hash eth_hash NOT NULL,
      address eth_address NOT NULL,
      topics text[] NOT NULL,
      -- Its beginning: data can be as long as a block allows.
      data text NOT NULL,
      reason text NOT NULL,
      seen_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (chain_id, block_hash, log_index)
    )`);
    this.addSql(
      `CREATE INDEX chain_unread_logs_block ON chain_unread_logs (chain_id, block_number)`,
    );
  }
}
