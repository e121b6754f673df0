import { Migration } from "@mikro-orm/migrations";

/** What hosts say about an auction whose transaction no block has yet: it becomes the listing when the indexer sees the auction. */
export class Migration20261123610000_announced_auctions extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // Anybody can announce any hash: only the account that has the wallet of the host is listened to, and it may say it first.
  `CREATE TABLE announced_auctions (
    transaction_hash eth_hash NOT NULL,
    user_id uuid NOT NULL REFERENCES users(id),
    title text NOT NULL,
    description text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transaction_hash, user_id)
  )`,
  `CREATE INDEX announced_auctions_created_at ON announced_auctions (created_at)`,
  // In the indexer's own transaction, whichever version of it writes: an auction and its title appear together.
  `CREATE FUNCTION list_announced_auction() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO auction_listings AS l (chain_id, contract, auction_id, user_id, title, description, transaction_hash)
    SELECT NEW.chain_id, NEW.contract, NEW.auction_id, p.user_id, p.title, p.description, p.transaction_hash
    FROM announced_auctions p JOIN wallets w ON w.user_id = p.user_id AND w.address = NEW.host
    WHERE p.transaction_hash = NEW.steps->'created'->>'transactionHash'
      -- A transaction can create several auctions; the words were about one.
      AND NOT EXISTS (SELECT FROM auction_listings o WHERE o.transaction_hash = p.transaction_hash AND o.auction_id <> NEW.auction_id)
    ON CONFLICT (chain_id, contract, auction_id) DO UPDATE SET user_id = excluded.user_id, title = excluded.title,
      description = excluded.description, transaction_hash = excluded.transaction_hash, created_at = now()
    WHERE l.transaction_hash <> excluded.transaction_hash;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER auctions_announced AFTER INSERT ON auctions FOR EACH ROW EXECUTE FUNCTION list_announced_auction()`,
  `CREATE INDEX auction_listings_transaction_hash ON auction_listings (transaction_hash)`,
];
