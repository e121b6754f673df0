import type { AuctionProjection } from "../../chain/indexing/projection.ts";
import { loadAuctions } from "../../chain/indexing/auctions.ts";
import { STREAM } from "../../chain/indexing/store.ts";
import { type AuctionRef, auctionWorkflowId, operationKey } from "../../domain/process.ts";
import type { AuctionProgress } from "../../workflows/auction-story.ts";
import { startAuctionWorkflow } from "../../workflows/start.ts";
import type { Queryable } from "../../db/database.ts";
import { isolated } from "./isolated.ts";
import { isRunning, type RepairOptions } from "./processes.ts";

/** How long ago an auction may have ended whose host is still to be told, in days: later nobody cares. */
const NEWS_DAYS = 7;

/** Names the notification about an auction's process in which its people learn of something. */
export function causeOf(ref: AuctionRef, what: string): string {
  return `${auctionWorkflowId(ref)}:${what}`;
}

/**
 * Auctions that nobody bought, as nothing can take back, and whose host was not told: the process that was to do it was lost in
 * between. They are over for the chain, so nobody else would miss it. A new process begins with what the chain says, and tells.
 */
export async function untoldOutcomes(
  options: RepairOptions & { readonly finalityDepth: number },
): Promise<number> {
  const { db, client, chainId, auctionContract, finalityDepth, leadMs, logger } = options;
  const over = await db.query<AuctionRef & { readonly host: string; readonly phase: string }>(
    `SELECT a.chain_id AS "chainId", a.contract, a.auction_id AS "auctionId", a.host, a.phase FROM auctions a
       JOIN chain_cursors c ON c.chain_id = a.chain_id AND c.stream = $4
     WHERE a.chain_id = $1 AND a.contract = $2 AND a.phase IN ('unsold', 'cancelled') AND a.ends_at > now() - make_interval(days => $5)
       AND (a.steps->(CASE a.phase WHEN 'unsold' THEN 'ended' ELSE 'cancelled' END)->>'blockNumber')::bigint <= c.block_number - $3`,
    [chainId, auctionContract, finalityDepth, STREAM, NEWS_DAYS],
  );
  let repaired = 0;
  const ids = await untoldOf(db, over);
  for (const auction of await loadAuctions(db, chainId, auctionContract, ids)) {
    const workflowId = auctionWorkflowId(auction);
    const isStarted = await isolated(logger, workflowId, async () => {
      if (await isRunning(client, workflowId)) return false;
      // Its process may have told and come to its end since.
      if ((await untoldOf(db, [auction])).length === 0) return false;
      const { contract, auctionId, host } = auction;
      const endsAtMs = auction.endsAtS * 1000;
      const progress = progressOf(auction, endsAtMs);
      const input = { chainId, contract, auctionId, host, endsAtMs, progress };
      await startAuctionWorkflow(client, input, leadMs, true);
      return true;
    });
    if (isStarted !== true) continue;
    repaired += 1;
    logger.warn("a host was not told how an auction came out, and a process does it", {
      workflowId,
      phase: auction.phase,
    });
  }
  return repaired;
}

/** The ids of those whose host was not told. */
async function untoldOf(
  db: Queryable,
  over: readonly (AuctionRef & { readonly host: string; readonly phase: string })[],
): Promise<string[]> {
  const untold = await db.query<{ auctionId: string }>(
    `SELECT o.auction_id AS "auctionId" FROM unnest($1::numeric[], $2::text[], $3::text[]) AS o (auction_id, host, cause)
     WHERE NOT EXISTS (SELECT FROM kept_notifications k WHERE k.wallet = o.host AND k.cause = o.cause)
       AND NOT EXISTS (SELECT FROM notifications n JOIN wallets w ON w.user_id = n.user_id WHERE w.address = o.host AND n.cause = o.cause)`,
    [
      over.map((one) => one.auctionId),
      over.map((one) => one.host),
      over.map((one) => causeOf(one, one.phase)),
    ],
  );
  return untold.map((one) => one.auctionId);
}

/** What the lost process had been told, or would have been. */
function progressOf(auction: AuctionProjection, endsAtMs: number): AuctionProgress {
  const { ended, cancelled } = auction.steps;
  if (cancelled !== undefined)
    return { endsAtMs, cancelled: true, cancelledAt: cancelled.blockNumber };
  if (ended === undefined) return { endsAtMs, cancelled: false };
  const { blockNumber, transactionHash } = ended;
  const end = { key: operationKey("end", auction), kind: "end", status: "done" } as const;
  return { endsAtMs, cancelled: false, settled: [{ ...end, blockNumber, transactionHash }] };
}
