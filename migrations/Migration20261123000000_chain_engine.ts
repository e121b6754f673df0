import { Migration } from "@mikro-orm/migrations";

/** More states for what was sent, and what wallets tell one another. */
export class Migration20261123000000_chain_engine extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `ALTER TABLE chain_transactions DROP CONSTRAINT chain_transactions_state_check`,
  `ALTER TABLE chain_transactions ADD CONSTRAINT chain_transactions_state_check
     CHECK (state IN ('signed', 'broadcast', 'mined', 'final', 'replaced', 'void', 'consumed'))`,
  // Why it was signed in place of another one of its nonce: market, underpriced, stuck, moved, void, gap.
  `ALTER TABLE chain_transactions ADD COLUMN replacement_reason text`,
  // Why it waits although it is broadcast: fee_cap, refused. Null while nothing holds it.
  `ALTER TABLE chain_transactions ADD COLUMN held_reason text`,
  // The transaction that used the nonce, when it is none of ours.
  `ALTER TABLE chain_transactions ADD COLUMN consumed_by eth_hash`,
  // Void transactions are watched as long as their nonce is open.
  `DROP INDEX chain_transactions_live`,
  `CREATE INDEX chain_transactions_live ON chain_transactions (chain_id, wallet, nonce) WHERE state IN ('signed', 'broadcast', 'mined', 'void')`,
  `CREATE INDEX chain_transactions_nonce ON chain_transactions (chain_id, wallet, nonce)`,
  `CREATE INDEX chain_operations_unanswered ON chain_operations (chain_id, wallet) WHERE nonce IS NOT NULL AND NOT settled`,
  `CREATE INDEX chain_operations_auction ON chain_operations (chain_id, contract, auction_id)`,
  `CREATE INDEX bids_block ON bids (chain_id, block_number)`,
  `CREATE TABLE chain_wallets (
    chain_id bigint NOT NULL,
    address eth_address NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    reason text,
    balance_wei wei,
    in_flight integer NOT NULL DEFAULT 0,
    -- Written each round: a wallet that fell silent takes no share of the work.
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, address)
  )`,
];
