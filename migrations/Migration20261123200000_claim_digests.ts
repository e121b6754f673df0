import { Migration } from "@mikro-orm/migrations";

/** A proof names what it is about by a digest only; with this the log can say which other challenge it was made for. */
export class Migration20261123200000_claim_digests extends Migration {
  override up(): void {
    for (const statement of STATEMENTS) this.addSql(statement);
  }
}

const STATEMENTS = [
  // keccak256 of the canonical claim, as Lit signs it. Null: a challenge given before this was kept.
  `ALTER TABLE lit_gate_passes ADD COLUMN claim_digest eth_hash`,
  `CREATE INDEX lit_gate_passes_claim_digest ON lit_gate_passes (claim_digest) WHERE claim_digest IS NOT NULL`,
];
