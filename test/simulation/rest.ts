import { Client } from "pg";
import type { Node } from "./node.ts";

/** What is not at rest yet, in words; empty when nothing is left to happen. */
export class RestProbe {
  readonly #client: Client;
  readonly #node: Node;
  readonly #wallets: readonly string[];

  private constructor(client: Client, node: Node, wallets: readonly string[]) {
    this.#client = client;
    this.#node = node;
    this.#wallets = wallets;
  }

  static async open(url: string, node: Node, wallets: readonly string[]): Promise<RestProbe> {
    const client = new Client({ connectionString: url });
    client.on("error", () => undefined);
    await client.connect();
    return new RestProbe(client, node, wallets);
  }

  async restless(): Promise<string[]> {
    const reasons: string[] = [];
    const head = await this.#node.send<{ number: string; hash: string; timestamp: string }>(
      "eth_getBlockByNumber",
      "latest",
      false,
    );
    // One statement, so that what it counts belongs to one moment.
    const { rows } = await this.#client.query(
      `SELECT
         (SELECT block_hash FROM chain_cursors) AS indexed,
         (SELECT string_agg(auction_id || ' ' || phase, ', ') FROM auctions WHERE phase IN ('bidding', 'sold')) AS auctions,
         (SELECT string_agg(key || ' ' || state, ', ') FROM chain_operations WHERE state NOT IN ('final', 'refused')) AS operations,
         (SELECT string_agg('nonce ' || nonce || ' ' || state, ', ') FROM chain_transactions WHERE state IN ('signed', 'broadcast', 'mined')) AS transactions,
         (SELECT string_agg(auction_id || ' ' || state, ', ') FROM meetings WHERE state NOT IN ('closed', 'withdrawn')) AS meetings,
         (SELECT string_agg(workflow_id || ' ' || kind || ' ' || coalesce(last_error, ''), ', ') FROM outbox WHERE delivered_at IS NULL) AS outbox`,
    );
    const [row] = rows;
    if (row.indexed !== head.hash) reasons.push(`indexer: not at block ${Number(head.number)}`);
    for (const what of ["auctions", "operations", "transactions", "meetings", "outbox"])
      if (row[what] !== null) reasons.push(`${what}: ${row[what]}`);
    for (const wallet of this.#wallets) {
      const [latest, pending] = [
        await this.#node.nonce(wallet, "latest"),
        await this.#node.nonce(wallet, "pending"),
      ];
      if (latest !== pending) reasons.push(`wallet ${wallet}: ${pending - latest} pending`);
    }
    return reasons;
  }

  /** Whether the product has noted every transaction of its wallets that the newest blocks hold. */
  async hasNoted(blocks: number): Promise<boolean> {
    const head = Number(await this.#node.send<string>("eth_blockNumber"));
    const hashes: string[] = [];
    for (let height = head - blocks + 1; height <= head; height += 1)
      for (const { hash, from } of (await this.#node.block(height)).transactions)
        if (this.#wallets.includes(from)) hashes.push(hash);
    const { rows } = await this.#client.query(
      "SELECT FROM chain_transactions WHERE hash = ANY($1) AND state IN ('mined', 'final')",
      [hashes],
    );
    return rows.length === hashes.length;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
