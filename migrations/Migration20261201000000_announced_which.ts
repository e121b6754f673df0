import { Migration } from "@mikro-orm/migrations";

/** Of a transaction that creates several auctions a host may say which one the words are about, before any block has it. */
export class Migration20261201000000_announced_which extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `ALTER TABLE announced_auctions ADD COLUMN auction_id numeric(78, 0)`,
  `ALTER TABLE announced_auctions DROP CONSTRAINT announced_auctions_pkey`,
  // One row for each auction that is named, and one for words that name none: versions before this write these.
  `CREATE UNIQUE INDEX announced_auctions_said_once ON announced_auctions (transaction_hash, user_id, auction_id) NULLS NOT DISTINCT`,
  `CREATE OR REPLACE FUNCTION list_announced_auction() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO auction_listings AS l (chain_id, contract, auction_id, user_id, title, description, transaction_hash)
    SELECT NEW.chain_id, NEW.contract, NEW.auction_id, p.user_id, p.title, p.description, p.transaction_hash
    FROM announced_auctions p JOIN wallets w ON w.user_id = p.user_id AND w.address = NEW.host
    WHERE p.transaction_hash = NEW.steps->'created'->>'transactionHash'
      AND (p.auction_id = NEW.auction_id
        -- A transaction can create several auctions; words that name none were about one.
        OR (p.auction_id IS NULL
          AND NOT EXISTS (SELECT FROM announced_auctions n WHERE n.transaction_hash = p.transaction_hash AND n.user_id = p.user_id AND n.auction_id IS NOT NULL)
          AND NOT EXISTS (SELECT FROM auction_listings o WHERE o.transaction_hash = p.transaction_hash AND o.auction_id <> NEW.auction_id)))
    ON CONFLICT (chain_id, contract, auction_id) DO UPDATE SET user_id = excluded.user_id, title = excluded.title,
      description = excluded.description, transaction_hash = excluded.transaction_hash, created_at = now()
    WHERE l.transaction_hash <> excluded.transaction_hash;
    RETURN NULL;
  END $$`,
];
