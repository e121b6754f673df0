import { Migration } from "@mikro-orm/migrations";

/** Reconcile looks for auctions that logs tell of and that have no row. */
export class Migration20261123810000_creations extends Migration {
  override up(): void {
    this.addSql(
      `CREATE INDEX chain_logs_creations ON chain_logs (chain_id, address, auction_id) WHERE event = 'AuctionCreated' AND canonical`,
    );
  }
}
