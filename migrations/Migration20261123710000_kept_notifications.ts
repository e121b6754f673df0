import { Migration } from "@mikro-orm/migrations";

/** Notifications for wallets that nobody has bound yet: they come to whoever binds the wallet. */
export class Migration20261123710000_kept_notifications extends Migration {
  override up(): void {
    this.addSql(`CREATE TABLE kept_notifications (
      wallet eth_address NOT NULL,
      cause text NOT NULL,
      type text NOT NULL,
      title text NOT NULL,
      body text NOT NULL,
      data jsonb NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (wallet, cause)
    )`);
  }
}
