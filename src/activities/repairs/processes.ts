import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { loadAuctions } from "../../chain/indexing/auctions.ts";
import type { AuctionProjection } from "../../chain/indexing/projection.ts";
import type { Database } from "../../db/database.ts";
import { getMeeting } from "../../db/meetings.ts";
import { auctionWorkflowId, meetingWorkflowId } from "../../domain/process.ts";
import type { Logger } from "../../logging.ts";
import { startAuctionWorkflow, startMeetingWorkflow } from "../../workflows/start.ts";
import { meetingInputOf, type MeetingTimes } from "../meeting-input.ts";
import { isolated } from "./isolated.ts";

export interface RepairOptions extends MeetingTimes {
  readonly db: Database;
  readonly client: Client;
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  readonly leadMs: number;
  readonly logger: Logger;
}

/** An auction that is not over, or whose meeting is not. */
interface Unfinished {
  readonly auctionId: string;
  readonly minted: boolean;
  readonly meetingId: string | null;
  /** Whether the meeting is past its end. */
  readonly overdue: boolean;
}

/** Auctions looked at in one statement. */
const PAGE = 500;

/** The ids of the processes of auctions and meetings that run, as the server's list has them: it may be seconds behind. */
export async function runningProcesses(client: Client): Promise<Set<string>> {
  const ids = new Set<string>();
  const query = `WorkflowType IN ('auction', 'meeting') AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 }))
    ids.add(workflowId);
  return ids;
}

/** Whether a process runs, from itself. */
export async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name === "RUNNING";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

const UNFINISHED = `SELECT a.auction_id AS "auctionId", a.steps ? 'minted' AS minted, m.id AS "meetingId", coalesce(m.ends_at < now(), false) AS overdue
  FROM auctions a LEFT JOIN meetings m
    ON m.chain_id = a.chain_id AND m.contract = a.contract AND m.auction_id = a.auction_id AND m.state NOT IN ('withdrawn', 'closed')
  WHERE a.chain_id = $1 AND a.contract = $2 AND (a.phase IN ('bidding', 'sold') OR m.id IS NOT NULL)`;

/** Of every auction that is not over, in the order of their ids, page by page. */
export async function* unfinished({
  db,
  chainId,
  auctionContract,
}: Pick<RepairOptions, "db" | "chainId" | "auctionContract">): AsyncGenerator<Unfinished> {
  let after = "-1";
  for (;;) {
    const rows = await db.query<Unfinished>(
      `${UNFINISHED} AND a.auction_id > $3 ORDER BY a.auction_id LIMIT $4`,
      [chainId, auctionContract, after, PAGE],
    );
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    after = last.auctionId;
  }
}

/**
 * Auctions that are not over and have no running process, neither their own nor their meeting's, get one. The process
 * may be lost (another Temporal server) or may have ended on what a reorg then took back, or by hand; either way a new one finds
 * each step that is done already done. `meetingOf` names auctions whose meeting runs though no row says so.
 */
export async function lostProcesses(
  options: RepairOptions,
  meetingOf: ReadonlySet<string>,
): Promise<{ readonly lostWorkflows: number; readonly overdueMeetings: number }> {
  const { db, client, chainId, auctionContract } = options;
  const running = await runningProcesses(client);
  const repaired = { lostWorkflows: 0, overdueMeetings: 0 };
  for await (const one of unfinished(options)) {
    const workflowId = auctionWorkflowId({
      chainId,
      contract: auctionContract,
      auctionId: one.auctionId,
    });
    const ids = [workflowId, ...(one.meetingId === null ? [] : [meetingWorkflowId(one.meetingId)])];
    if (meetingOf.has(one.auctionId) || ids.some((id) => running.has(id))) continue;
    const what = await isolated(options.logger, workflowId, async () => {
      // The list is behind: only the process itself knows.
      if ((await Promise.all(ids.map((id) => isRunning(client, id)))).includes(true)) return;
      // It may have come to its end since the row was read.
      const [still] = await db.query<Unfinished>(`${UNFINISHED} AND a.auction_id = $3`, [
        chainId,
        auctionContract,
        one.auctionId,
      ]);
      const [auction] = await loadAuctions(db, chainId, auctionContract, [one.auctionId]);
      if (still === undefined || auction === undefined || still.meetingId !== one.meetingId) return;
      await startProcess(options, auction, still);
      return still.overdue ? "overdueMeetings" : "lostWorkflows";
    });
    if (what !== undefined) repaired[what] += 1;
  }
  return repaired;
}

async function startProcess(
  options: RepairOptions,
  auction: AuctionProjection,
  { minted, meetingId, overdue }: Unfinished,
): Promise<void> {
  const { db, client, chainId, auctionContract, leadMs, logger } = options;
  const { auctionId, host } = auction;
  if (meetingId !== null && (minted || auction.phase === "closed")) {
    // All that the auction's process would still do is done.
    const input = meetingInputOf(await getMeeting(db, meetingId), options, Date.now());
    await startMeetingWorkflow(client, input);
    logger.warn("a meeting had no process and got one", { auctionId, meetingId, overdue });
    return;
  }
  await startAuctionWorkflow(
    client,
    { chainId, contract: auctionContract, auctionId, host, endsAtMs: auction.endsAtS * 1000 },
    leadMs,
    true,
  );
  logger.warn("an auction had no process and got one", {
    auctionId,
    workflowId: auctionWorkflowId(auction),
  });
}
