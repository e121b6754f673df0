// `npm run reindex`: forgets every projection of the chain and has the indexer build them again from canonical logs.
// What people wrote, meetings, operations and what clients were told stay. Safe while workers run: it takes the stream
// away from the running indexer, empties the projections and gives it back. Until they have come as far as they were,
// nobody is judged by them: no meeting is settled, and nobody loses the room they got into at a later block.
import { ConfigError, loadDatabaseUrl } from "./config.ts";
import { markRebuilding } from "./chain/indexing/store.ts";
import { Database } from "./db/database.ts";
import { withLeadership } from "./db/leadership.ts";
import { messageOf } from "./errors.ts";

async function main(): Promise<void> {
  const db = new Database({ url: loadDatabaseUrl(), applicationName: "reindex" });
  try {
    const streams = await db.query<{ chainId: number }>(
      `SELECT DISTINCT chain_id AS "chainId" FROM chain_cursors`,
    );
    if (streams.length === 0)
      process.stdout.write("nothing is indexed yet; a running worker begins by itself\n");
    for (const { chainId } of streams) {
      const forget = new AbortController().signal;
      await withLeadership(db, `chain-indexer/${chainId}`, forget, (leader) =>
        leader.transaction(async (tx) => {
          await markRebuilding(tx, chainId);
          for (const table of [
            "auctions",
            "bids",
            "chain_logs",
            "chain_blocks",
            "chain_dropped_blocks",
            "chain_unread_logs",
            "chain_cursors",
          ])
            await tx.query(`DELETE FROM ${table} WHERE chain_id = $1`, [chainId]);
        }),
      );
      process.stdout.write(
        `chain ${chainId}: the projections are emptied; a running worker builds them again from the chain\n`,
      );
    }
  } finally {
    await db.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : `npm run reindex failed: ${messageOf(error)}`}\n`,
  );
  process.exitCode = 1;
}
