import { Migration } from "@mikro-orm/migrations";

/** What operators did, and wallets they paused. */
export class Migration20261123800000_operators extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  `CREATE TABLE operator_actions (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    action text NOT NULL,
    -- The workflow, wallet or part it was done to.
    target text NOT NULL,
    -- The id of the workflow's update, or of the command: a repeated step writes it once.
    request_id text NOT NULL,
    performed_by text NOT NULL,
    reason text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    performed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (target, request_id)
  )`,
  `CREATE INDEX operator_actions_time ON operator_actions (performed_at)`,
  // A table of its own: the sender writes what it knows of a wallet over and over, and the wallet may never have run here.
  `CREATE TABLE chain_wallet_pauses (
    chain_id bigint NOT NULL,
    address eth_address NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    paused_by text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (chain_id, address)
  )`,
  `CREATE TRIGGER chain_wallet_pauses_wake AFTER INSERT OR UPDATE OR DELETE ON chain_wallet_pauses
     FOR EACH STATEMENT EXECUTE FUNCTION wake_listeners('chain_wallet_pauses')`,
];
