import type { Queryable } from "./database.ts";
import { recordEvents } from "./events.ts";
import type { Deployment } from "./reads.ts";

/**
 * Tells everybody the titles of these auctions, as far as their hosts have said them and the auctions are indexed; each once, however
 * often it is called. A title may be said before the indexer sees the auction, or after: whoever comes second tells it. For that it
 * is called in the transaction that wrote the title, or the auction, after it did.
 */
export async function tellListings(
  tx: Queryable,
  at: Deployment,
  auctionIds: readonly string[],
): Promise<void> {
  if (auctionIds.length === 0) return;
  // One after the other: whoever gets the lock second sees what the first has written, as that has committed.
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [
    `listings of ${at.chainId}:${at.contract}`,
  ]);
  const listings = await tx.query<{ auctionId: string; title: string; transactionHash: string }>(
    `SELECT l.auction_id AS "auctionId", l.title, l.transaction_hash AS "transactionHash"
     FROM auction_listings l JOIN auctions a USING (chain_id, contract, auction_id)
     -- Ids are a counter: words about a creation that has left the chain are of another auction.
     WHERE l.chain_id = $1 AND l.contract = $2 AND l.auction_id = ANY($3::numeric[]) AND a.steps->'created'->>'transactionHash' = l.transaction_hash
     ORDER BY l.auction_id`,
    [at.chainId, at.contract, auctionIds],
  );
  await recordEvents(
    tx,
    listings.map(({ auctionId, title, transactionHash }) => ({
      type: "auction-listed",
      audience: ["public", `auction:${auctionId}`],
      data: { auctionId, title },
      cause: `listed:${at.chainId}:${at.contract}:${auctionId}:${transactionHash}`,
    })),
  );
}
