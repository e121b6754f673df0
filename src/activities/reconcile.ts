import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { loadAuctions } from "../chain/indexing/store.ts";
import type { Database } from "../db/database.ts";
import { auctionWorkflowId } from "../domain/process.ts";
import type { Logger } from "../logging.ts";
import { startAuctionWorkflow } from "../workflows/start.ts";

export interface ReconcileOptions {
  readonly db: Database;
  readonly client: Client;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly leadMs: number;
  readonly logger: Logger;
}

/** The safety net: compares what Postgres knows with the workflows that should be there. */
export function createReconcileActivities(options: ReconcileOptions) {
  const { db, client, chainId, auctionContract, logger } = options;

  /** Auctions that are not over and have no running process get one. */
  async function lostWorkflows(): Promise<number> {
    const rows = await db.query<{ auctionId: string }>(
      `SELECT auction_id AS "auctionId" FROM auctions a WHERE chain_id = $1 AND contract = $2
         AND (phase = 'bidding' OR (phase = 'sold' AND NOT EXISTS (SELECT FROM meetings m WHERE m.chain_id = a.chain_id AND m.contract = a.contract AND m.auction_id = a.auction_id)))
       ORDER BY ends_at LIMIT 1000`,
      [chainId, auctionContract],
    );
    let started = 0;
    for (const auction of await loadAuctions(
      db,
      chainId,
      auctionContract,
      rows.map((row) => row.auctionId),
    )) {
      const workflowId = auctionWorkflowId(auction);
      try {
        await client.workflow.getHandle(workflowId).describe();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        await startAuctionWorkflow(
          client,
          {
            chainId,
            contract: auctionContract,
            auctionId: auction.auctionId,
            host: auction.host,
            endsAtMs: auction.endsAtS * 1000,
          },
          options.leadMs,
        );
        logger.warn("an auction had no process and got one", {
          auctionId: auction.auctionId,
          workflowId,
        });
        started += 1;
      }
    }
    return started;
  }

  /** Messages that waited through many failed deliveries are tried again now. */
  async function stuckMessages(): Promise<number> {
    const rows = await db.query(
      "UPDATE outbox SET not_before = now() WHERE delivered_at IS NULL AND created_at < now() - interval '1 minute' RETURNING id",
    );
    if (rows.length > 0) await db.query("SELECT pg_notify('outbox', '')");
    return rows.length;
  }

  return {
    async reconcile(): Promise<Record<string, number>> {
      const repaired = {
        lostWorkflows: await lostWorkflows(),
        stuckMessages: await stuckMessages(),
      };
      logger.info("reconciled", repaired);
      return repaired;
    },
  };
}
