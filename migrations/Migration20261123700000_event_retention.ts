import { Migration } from "@mikro-orm/migrations";

/** Events go after a while; what caused them is remembered, so that it is not told a second time. */
export class Migration20261123700000_event_retention extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // 16 bytes in place of the whole text: causes are kept for ever.
  `CREATE TABLE pruned_event_causes (digest uuid PRIMARY KEY)`,
];
