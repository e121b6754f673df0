import { Migration } from "@mikro-orm/migrations";

/** What one user has announced is counted, and the oldest of too much goes. */
export class Migration20261123830000_announced_by_user extends Migration {
  override up(): void {
    this.addSql(`CREATE INDEX announced_auctions_user ON announced_auctions (user_id, created_at)`);
  }
}
