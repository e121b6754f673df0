import { Migration } from "@mikro-orm/migrations";

/** What somebody else did in our place is final without ever having had a nonce of ours; it is no refusal. */
export class Migration20261123820000_done_by_others extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `ALTER TABLE chain_operations DROP CONSTRAINT chain_operations_check1,
    ADD CONSTRAINT chain_operations_nonce_kept CHECK (state IN ('pending', 'refused', 'final') OR nonce IS NOT NULL)`,
  `UPDATE chain_operations SET state = 'final' WHERE state = 'refused' AND reason = 'done_by_other'`,
];
