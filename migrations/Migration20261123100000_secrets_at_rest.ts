import { Migration } from "@mikro-orm/migrations";

/** What somebody could use who reads a dump is kept as a digest, or not at all; verification tokens log in once. */
export class Migration20261123100000_secrets_at_rest extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `CREATE TABLE spent_verification_tokens (
    -- SHA-256 of the token: it is a random name that Para gave, so its digest cannot be turned back.
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    -- Moved on each time the token is shown again, so that it outlives the Para session that the token is of.
    expires_at timestamptz NOT NULL
  )`,
  `CREATE INDEX spent_verification_tokens_expiry ON spent_verification_tokens (expires_at)`,
  // The text of a wallet challenge is made anew from its row when it is needed; the column is for nodes of the version before.
  `ALTER TABLE wallet_challenges ALTER COLUMN message DROP NOT NULL`,
  `UPDATE wallet_challenges SET message = NULL`,
  `CREATE INDEX wallet_challenges_expiry ON wallet_challenges (expires_at)`,
  // The challenge of an access is kept as its digest; challenges that are open go on being good.
  `UPDATE lit_gate_passes SET nonce = encode(sha256(convert_to(nonce, 'UTF8')), 'hex'), claim = claim - 'nonce'`,
];
