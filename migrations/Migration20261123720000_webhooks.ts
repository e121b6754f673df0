import { Migration } from "@mikro-orm/migrations";

/** Where users have their events sent, how far that has come, and each delivery. */
export class Migration20261123720000_webhooks extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `CREATE TABLE webhooks (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    user_id uuid NOT NULL REFERENCES users(id),
    url text NOT NULL,
    -- Null: every type.
    types text[],
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
    disabled_reason text,
    -- Since when no delivery has been taken; null after one that was.
    failing_since timestamptz,
    -- Events with a greater seq are sent.
    after_seq bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX webhooks_user ON webhooks (user_id)`,
  // Sealed with ENCRYPTION_KEYS. After a rotation the one before signs too, for a while.
  `CREATE TABLE webhook_secrets (
    id uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    key_id text NOT NULL,
    iv bytea NOT NULL,
    ciphertext bytea NOT NULL,
    auth_tag bytea NOT NULL,
    expires_at timestamptz
  )`,
  `CREATE INDEX webhook_secrets_webhook ON webhook_secrets (webhook_id)`,
  `CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    webhook_id uuid NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
    event_id uuid NOT NULL,
    seq bigint NOT NULL,
    type text NOT NULL,
    -- What is sent and signed, letter by letter.
    body text NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_status integer,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    UNIQUE (webhook_id, event_id)
  )`,
  `CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE state = 'pending'`,
  // Events up to here have their deliveries.
  `CREATE TABLE webhook_progress (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), last_seq bigint NOT NULL)`,
  `INSERT INTO webhook_progress (last_seq) SELECT last_seq FROM event_sequence`,
];
