import { Migration } from "@mikro-orm/migrations";

/** Who is at work on the request behind an Idempotency-Key, and the headers of the answer that is kept for repeats. */
export class Migration20261123600000_idempotency_claims extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // Nobody is at work on what an earlier version has written: its claims are free to be taken.
  `ALTER TABLE idempotency_keys ADD COLUMN headers jsonb NOT NULL DEFAULT '{}',
     ADD COLUMN claim uuid, ADD COLUMN claimed_until timestamptz NOT NULL DEFAULT '-infinity'`,
  // As text, so that a repeat gets the answer letter by letter; jsonb would sort its fields.
  `ALTER TABLE idempotency_keys ALTER COLUMN response TYPE json`,
  `CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at)`,
];
