import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { loadAuctions } from "../chain/indexing/auctions.ts";
import { forgetExpired } from "../db/credentials.ts";
import type { Database } from "../db/database.ts";
import { pruneEvents } from "../db/events.ts";
import { auctionWorkflowId, meetingWorkflowId } from "../domain/process.ts";
import type { Logger } from "../logging.ts";
import { startAuctionWorkflow } from "../workflows/start.ts";

export interface ReconcileOptions {
  readonly db: Database;
  readonly client: Client;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly leadMs: number;
  /** EVENTS_KEPT_DAYS */
  readonly eventsKeptDays: number;
  readonly logger: Logger;
}

/** The safety net: compares what Postgres knows with the workflows that should be there. */
export function createReconcileActivities(options: ReconcileOptions) {
  const { db, client, chainId, auctionContract, logger } = options;

  async function isRunning(workflowId: string): Promise<boolean> {
    try {
      return (await client.workflow.getHandle(workflowId).describe()).status.name === "RUNNING";
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /**
   * Auctions that are not over and have no running process, neither their own nor their meeting's, get one. The process
   * may be lost (another Temporal server) or may have ended on what a reorg then took back; either way a new one finds
   * each step that is done already done.
   */
  async function lostWorkflows(): Promise<number> {
    const rows = await db.query<{ auctionId: string; meetingId: string | null }>(
      `SELECT a.auction_id AS "auctionId", m.id AS "meetingId" FROM auctions a LEFT JOIN meetings m
         ON m.chain_id = a.chain_id AND m.contract = a.contract AND m.auction_id = a.auction_id AND m.state <> 'withdrawn'
       WHERE a.chain_id = $1 AND a.contract = $2 AND (a.phase IN ('bidding', 'sold') OR m.state = 'closing') ORDER BY a.ends_at LIMIT 1000`,
      [chainId, auctionContract],
    );
    const ids = rows.map((row) => row.auctionId);
    const meetings = new Map(rows.map((row) => [row.auctionId, row.meetingId]));
    let started = 0;
    for (const auction of await loadAuctions(db, chainId, auctionContract, ids)) {
      const workflowId = auctionWorkflowId(auction);
      const meetingId = meetings.get(auction.auctionId) ?? null;
      if (await isRunning(workflowId)) continue;
      if (meetingId !== null && (await isRunning(meetingWorkflowId(meetingId)))) continue;
      const { auctionId, host } = auction;
      await startAuctionWorkflow(
        client,
        { chainId, contract: auctionContract, auctionId, host, endsAtMs: auction.endsAtS * 1000 },
        options.leadMs,
        true,
      );
      logger.warn("an auction had no process and got one", { auctionId, workflowId });
      started += 1;
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
      // Not a repair: what has ended is not kept.
      const forgotten = await forgetExpired(db);
      const prunedEvents = await pruneEvents(db, options.eventsKeptDays);
      logger.info("reconciled", { ...repaired, forgotten, prunedEvents });
      return repaired;
    },
  };
}
