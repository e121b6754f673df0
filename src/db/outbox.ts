import type { AuctionInput } from "../domain/process.ts";
import type { Queryable } from "./database.ts";

export interface StartMessage {
  readonly kind: "start-auction";
  readonly workflowId: string;
  readonly payload: AuctionInput;
  /** Also when the process has come to its end before: the chain took back what it ended on. */
  readonly again?: boolean;
}

export interface SignalMessage {
  readonly kind: "signal";
  readonly workflowId: string;
  readonly payload: { readonly signal: string; readonly args: readonly object[] };
}

/** Something to tell Temporal, written in the transaction that made it true. */
export type OutboxMessage = StartMessage | SignalMessage;

export type OutboxRow = OutboxMessage & { readonly id: number; readonly attempts: number };

/** Writes the messages in the given order. */
export async function enqueue(tx: Queryable, messages: readonly OutboxMessage[]): Promise<void> {
  if (messages.length === 0) return;
  const rows = messages.map((message) => ({
    workflow_id: message.workflowId,
    kind: message.kind,
    payload: message.payload,
    again: message.kind === "start-auction" && message.again === true,
  }));
  await tx.query(
    `INSERT INTO outbox (workflow_id, kind, payload, again)
     SELECT m->>'workflow_id', m->>'kind', m->'payload', (m->>'again')::boolean
     FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS all_messages(m, place) ORDER BY place`,
    [JSON.stringify(rows)],
  );
}

/**
 * The next undelivered messages, oldest first: of each workflow only the oldest, so that messages to one workflow keep
 * their order even when one has to wait. Runs in the transaction that also marks them, under the relay's lock.
 */
export async function dueMessages(tx: Queryable, limit: number): Promise<OutboxRow[]> {
  return tx.query<OutboxRow>(
    `SELECT id, workflow_id AS "workflowId", kind, payload, again, attempts FROM outbox o
     WHERE delivered_at IS NULL AND not_before <= now()
       AND NOT EXISTS (SELECT FROM outbox earlier WHERE earlier.workflow_id = o.workflow_id AND earlier.delivered_at IS NULL AND earlier.id < o.id)
     ORDER BY id LIMIT $1`,
    [limit],
  );
}

export async function markDelivered(tx: Queryable, ids: readonly number[]): Promise<void> {
  await tx.query(
    "UPDATE outbox SET delivered_at = now(), last_error = NULL WHERE id = ANY($1::bigint[])",
    [ids],
  );
}

/** Delays a message after a failed delivery: 1, 2, 4 … 60 seconds. */
export async function postpone(tx: Queryable, id: number, error: string): Promise<void> {
  await tx.query(
    `UPDATE outbox SET attempts = attempts + 1, last_error = $2, not_before = now() + least(60, 2 ^ least(attempts, 6)) * interval '1 second' WHERE id = $1`,
    [id, error.slice(0, 500)],
  );
}
