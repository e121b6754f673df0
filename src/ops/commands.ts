import { randomUUID } from "node:crypto";
import type { UpdateDefinition } from "@temporalio/common";
import { highWaterMark } from "../activities/repairs/marks.ts";
import { isRunning } from "../activities/repairs/processes.ts";
import { chainIdOf } from "../chain/types.ts";
import { first } from "../db/database.ts";
import { liveMeetings } from "../db/meetings.ts";
import { pauseWallet, recordOperatorAction, resumeWallet } from "../db/operators.ts";
import {
  type AuctionRef,
  auctionWorkflowId,
  type MeetingInput,
  meetingWorkflowId,
  type OperatorCommand,
  type Outcome,
} from "../domain/process.ts";
import { refused } from "../errors.ts";
import { reconcileNow } from "../workers/schedule.ts";
import {
  endNowUpdate,
  overruleUpdate,
  recheckChainUpdate,
  retryFailedStepUpdate,
} from "../workflows/messages.ts";
import { walletsOf } from "./checks/wallets.ts";
import type { Sight } from "./sight.ts";

/** How long a worker has to answer a command. */
const ANSWER_LIMIT_MS = 30_000;

/** Which auction an operator means: of the contract and the chain that the configuration names. */
export async function refOf(sight: Sight, auctionId: string): Promise<AuctionRef> {
  const known = await first<{ chainId: number }>(
    sight.db,
    `SELECT chain_id AS "chainId" FROM auctions WHERE contract = $1 AND auction_id = $2::numeric`,
    [sight.auctionContract, auctionId],
  );
  // Of an auction that the database does not know the chain may say more.
  const chainId = known?.chainId ?? (await chainIdOf(sight.rpc));
  return { chainId, contract: sight.auctionContract, auctionId };
}

/** The processes of an auction that run: its own, its meeting's, or none. */
export async function processesOf(sight: Sight, ref: AuctionRef): Promise<string[]> {
  const meetings = await liveMeetings(sight.db, ref.chainId, ref.contract, [ref.auctionId]);
  const ids = [auctionWorkflowId(ref), ...meetings.map((one) => meetingWorkflowId(one.id))];
  const running = await Promise.all(ids.map((id) => isRunning(sight.client, id)));
  return ids.filter((_, index) => running[index]);
}

/** @throws AppError `no_process` (refuse) */
async function processOf(sight: Sight, auctionId: string): Promise<string> {
  const [id] = (await processesOf(sight, await refOf(sight, auctionId))).toReversed();
  if (id === undefined)
    throw refused(
      "no_process",
      `no process runs for auction ${auctionId}: it is over, or npm run ops -- doctor says why`,
    );
  return id;
}

async function update<T, C extends OperatorCommand>(
  sight: Sight,
  workflowId: string,
  definition: UpdateDefinition<T, [C]>,
  command: C,
): Promise<T> {
  return sight.client.withDeadline(Date.now() + ANSWER_LIMIT_MS, () =>
    sight.client.workflow
      .getHandle(workflowId)
      .executeUpdate<T, [C]>(definition, { args: [command], updateId: randomUUID() }),
  );
}

/** Asks for the end of an auction that is past its end. */
export async function endNow(sight: Sight, auctionId: string, command: OperatorCommand) {
  return update(sight, auctionWorkflowId(await refOf(sight, auctionId)), endNowUpdate, command);
}

/** Tries what failed again now, in the auction's process or in its meeting's. */
export async function retry(sight: Sight, auctionId: string, command: OperatorCommand) {
  return update(sight, await processOf(sight, auctionId), retryFailedStepUpdate, command);
}

/** Compares an auction with the chain. */
export async function recheck(sight: Sight, auctionId: string, command: OperatorCommand) {
  return update(sight, await processOf(sight, auctionId), recheckChainUpdate, command);
}

/** Decides how the meeting of an auction came out. */
export async function overrule(
  sight: Sight,
  auctionId: string,
  command: OperatorCommand & { readonly outcome: Outcome },
) {
  const id = await processOf(sight, auctionId);
  if (!id.startsWith("meeting/"))
    throw refused("no_meeting", `the auction ${auctionId} has no meeting yet`);
  return update(sight, id, overruleUpdate, command);
}

/** Ends the processes of an auction and has reconcile begin them anew from what chain and database say. */
export async function restart(sight: Sight, auctionId: string, { by, reason }: OperatorCommand) {
  const ref = await refOf(sight, auctionId);
  const running = await processesOf(sight, ref);
  const requestId = randomUUID();
  for (const target of running) {
    await recordOperatorAction(sight.db, { action: "restart", target, requestId, by, reason });
    await sight.client.workflow.getHandle(target).terminate(`restarted by ${by}: ${reason}`);
  }
  const repaired = await reconcileNow(sight.client);
  return { ended: running, running: await processesOf(sight, ref), repaired };
}

/** Pauses or resumes a wallet. In the database, so that it works while Temporal is away. @throws AppError `wallet_unknown`, `wallet_not_paused` (refuse) */
export async function commandWallet(
  sight: Sight,
  which: "pause" | "resume",
  address: string,
  { by, reason }: OperatorCommand,
) {
  const chainId = await chainOf(sight);
  const command = { chainId, address, requestId: randomUUID(), by, reason };
  await sight.db.transaction(async (tx) => {
    if (which === "resume") return resumeWallet(tx, command);
    // Whoever pauses in an emergency must not be told that a misspelt wallet is paused.
    const known = (await walletsOf({ db: tx }, chainId)).map((one) => one.address);
    if (!known.includes(address))
      throw refused(
        "wallet_unknown",
        `no worker has ever served the wallet ${address}; known are ${known.join(", ") || "none"}`,
      );
    return pauseWallet(tx, command);
  });
  return { chainId, address, paused: which === "pause" };
}

/** The chain of the database; a wallet must be paused also while no node answers. */
async function chainOf(sight: Sight): Promise<number> {
  const known = await first<{ chainId: number }>(
    sight.db,
    `SELECT chain_id AS "chainId" FROM chain_cursors LIMIT 1`,
  );
  return known?.chainId ?? (await chainIdOf(sight.rpc));
}

/** Gives up a message to a process that can never be delivered; those behind it go on. @throws AppError `no_message` (refuse) */
export async function dropMessage(sight: Sight, id: number, { by, reason }: OperatorCommand) {
  return sight.db.transaction(async (tx) => {
    const row = await first<{ workflowId: string; kind: string; payload: object }>(
      tx,
      `UPDATE outbox SET delivered_at = now() WHERE id = $1 AND delivered_at IS NULL RETURNING workflow_id AS "workflowId", kind, payload`,
      [id],
    );
    if (row === undefined) throw refused("no_message", `no message ${id} waits`);
    const target = `outbox/${id}`;
    await recordOperatorAction(tx, {
      action: "drop-message",
      target,
      requestId: randomUUID(),
      by,
      reason,
      details: row,
    });
    await tx.query("SELECT pg_notify('outbox', '')");
    return { dropped: id, ...row };
  });
}

/** More events than can have happened between the last run of reconcile and the accident: nobody has counted those. */
const UNSEEN_EVENTS = 1_000_000;

/**
 * After a database was restored: what it lost is brought back as far as chain and processes know it, and realtime events are
 * numbered on from beyond any number that anybody was told, so that no client takes a new event for one it has had.
 */
export async function afterRestore(sight: Sight, { by, reason }: OperatorCommand) {
  const repaired = await reconcileNow(sight.client);
  const mark = await highWaterMark(sight.client);
  return sight.db.transaction(async (tx) => {
    const row = await first<{ seq: number }>(
      tx,
      "SELECT last_seq AS seq FROM event_sequence FOR UPDATE",
    );
    const from = row?.seq ?? 0;
    const to = Math.max(from, mark) + UNSEEN_EVENTS;
    await tx.query("UPDATE event_sequence SET last_seq = $1", [to]);
    const details = { from, to, repaired };
    await recordOperatorAction(tx, {
      action: "after-restore",
      target: "database",
      requestId: randomUUID(),
      by,
      reason,
      details,
    });
    return details;
  });
}

/** What is known of one auction, from every part. */
export async function show(sight: Sight, auctionId: string) {
  const ref = await refOf(sight, auctionId);
  const at = [ref.chainId, ref.contract, ref.auctionId];
  const [projection, operations, meetings, processes] = await Promise.all([
    first(
      sight.db,
      `SELECT phase, ends_at AS "endsAt", winner, high_bid_wei AS "highBidWei", outcome, steps FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3`,
      at,
    ),
    sight.db.query(
      `SELECT kind, state, settled, wallet, nonce, attempts, reason, to_timestamp(nullif(not_before_s, 0)) AS "notBefore", updated_at AS "updatedAt"
       FROM chain_operations WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 ORDER BY created_at`,
      at,
    ),
    sight.db.query<{ id: MeetingInput["meetingId"] }>(
      `SELECT id, state, starts_at AS "startsAt", ends_at AS "endsAt", outcome FROM meetings WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 ORDER BY created_at`,
      at,
    ),
    processesOf(sight, ref),
  ]);
  const targets = [auctionWorkflowId(ref), ...meetings.map((one) => meetingWorkflowId(one.id))];
  const messages = await sight.db.query(
    `SELECT id, workflow_id AS "workflowId", attempts, last_error AS "lastError" FROM outbox WHERE workflow_id = ANY($1) AND delivered_at IS NULL ORDER BY id`,
    [targets],
  );
  const audit = await sight.db.query(
    `SELECT performed_at AS at, action, performed_by AS by, reason FROM operator_actions WHERE target = ANY($1) ORDER BY performed_at`,
    [targets],
  );
  return {
    ...ref,
    processes,
    projection: projection ?? null,
    meetings,
    operations,
    messages,
    audit,
  };
}
