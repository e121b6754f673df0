import { type Client, QueryNotRegisteredError, WorkflowNotFoundError } from "@temporalio/client";
import { loadAuction } from "../../chain/indexing/auctions.ts";
import { isRebuilding } from "../../chain/indexing/store.ts";
import type { Queryable } from "../../db/database.ts";
import { restoreMeeting } from "../../db/meetings.ts";
import type { AuctionRef, MeetingInput, MeetingState } from "../../domain/process.ts";
import { unavailable } from "../../errors.ts";
import { createRoomName } from "../../jitsi/index.ts";
import { meetingInputQuery, meetingStateQuery } from "../../workflows/messages.ts";
import { ASK_AGAIN } from "../../workflows/query-guard.ts";
import { isolated } from "./isolated.ts";
import type { RepairOptions } from "./processes.ts";

/** A process that cannot answer must not hold up the others. */
const QUERY_TIMEOUT_MS = 5_000;

/** The task that brings the events a query had met is done in less. */
const ASK_AGAIN_AFTER_MS = 100;

/**
 * Meetings whose process runs and that the database does not know (it was lost, or restored from a backup) are written down again,
 * from what the process knows, as soon as the chain's sale of it is projected. Otherwise the auction would get a second meeting.
 * Returns how many were, and the auctions of all that are still unknown.
 */
export async function restoreMeetings(
  options: RepairOptions,
): Promise<{ readonly restored: number; readonly unknown: ReadonlySet<string> }> {
  const { db, client, logger } = options;
  const unknown = new Set<string>();
  let restored = 0;
  for (const meetingId of await meetingsWithoutRow(client, db)) {
    const known = await askProcess(client, meetingId).catch((error: unknown) => {
      logger.warn("the process of a meeting that has no row does not answer", {
        meetingId,
        error,
      });
    });
    if (known === undefined) continue;
    const { input, state } = known;
    if (input.chainId !== options.chainId || input.contract !== options.auctionContract) continue;
    const isRestored = await isolated(logger, `meeting ${meetingId}`, async () => {
      const auction = await loadAuction(db, input.chainId, input.contract, input.auctionId);
      const isSold = auction?.winner === input.winner && auction.host === input.host;
      if (!isSold || (await isRebuilding(db, input.chainId))) {
        // It may become so: the indexer is still on its way there.
        unknown.add(input.auctionId);
        return false;
      }
      const row = { ...input, auctionSalt: auction.salt, roomName: createRoomName() };
      return db.transaction((tx) => restoreMeeting(tx, row, state));
    });
    // No other meeting is made for its auction while this one is not written down.
    if (isRestored === undefined) unknown.add(input.auctionId);
    if (isRestored !== true) continue;
    restored += 1;
    logger.warn("a meeting that the database did not know is written down again", {
      meetingId,
      auctionId: input.auctionId,
    });
  }
  return { restored, unknown };
}

/** The ids of meetings whose process runs and that have no row. */
export async function meetingsWithoutRow(client: Client, db: Queryable): Promise<string[]> {
  const ids: string[] = [];
  const query = `WorkflowType = 'meeting' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query, pageSize: 1_000 }))
    ids.push(workflowId.slice("meeting/".length));
  const rows = await db.query<{ id: string }>(
    "SELECT id FROM unnest($1::text[]) AS running (id) WHERE NOT EXISTS (SELECT FROM meetings m WHERE m.id::text = running.id)",
    [ids],
  );
  return rows.map((row) => row.id);
}

/** What the process of a meeting knows. */
export interface RunningMeeting {
  readonly input: MeetingInput;
  readonly state: MeetingState;
}

/**
 * The meeting of an auction whose process runs, if there is one.
 * @throws AppError `process_silent` (retry) when a process does not answer: it may be the one
 */
export async function runningMeetingOf(
  { client }: Pick<RepairOptions, "client">,
  { chainId, contract, auctionId }: AuctionRef,
): Promise<RunningMeeting | undefined> {
  const query = `WorkflowType = 'meeting' AND ExecutionStatus = 'Running' AND ChainId = '${chainId}' AND AuctionId = '${auctionId}'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    const known = await askProcess(client, workflowId.slice("meeting/".length));
    // The list is behind: it has come to its end, or the server has lost it.
    if (known === undefined) continue;
    if (known.input.contract === contract && known.state.phase !== "withdrawn") return known;
  }
  return undefined;
}

/** Undefined when there is no such workflow. */
async function askProcess(client: Client, meetingId: string): Promise<RunningMeeting | undefined> {
  const handle = client.workflow.getHandle(`meeting/${meetingId}`);
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, async () => ({
      input: await untilAnswered(() => handle.query(meetingInputQuery)),
      state: await untilAnswered(() => handle.query(meetingStateQuery)),
    }));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw unavailable(
      "process_silent",
      `the process of meeting ${meetingId} does not answer`,
      error,
    );
  }
}

/** Asks again where the query met news of the process. The deadline of the caller ends it. */
async function untilAnswered<T>(query: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await query();
    } catch (error) {
      const isRefused = error instanceof QueryNotRegisteredError;
      if (!isRefused || !error.message.includes(ASK_AGAIN)) throw error;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_AFTER_MS));
    }
  }
}
