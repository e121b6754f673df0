import type { AuctionInput } from "../domain/process.ts";
import type { Queryable } from "./database.ts";

/** Something to tell Temporal, written in the transaction that made it true. */
export type OutboxMessage =
  | { readonly kind: "start-auction"; readonly workflowId: string; readonly payload: AuctionInput }
  | {
      readonly kind: "signal";
      readonly workflowId: string;
      readonly payload: { readonly signal: string; readonly args: readonly object[] };
    };

export type OutboxRow = OutboxMessage & { readonly id: number; readonly attempts: number };

export async function enqueue(tx: Queryable, messages: readonly OutboxMessage[]): Promise<void> {
  for (const message of messages) {
    await tx.query("INSERT INTO outbox (workflow_id, kind, payload) VALUES ($1, $2, $3)", [
      message.workflowId,
      message.kind,
      JSON.stringify(message.payload),
    ]);
  }
}

/**
 * The next undelivered messages, oldest first: of each workflow only the oldest, so that messages to one workflow keep
 * their order even when one has to wait. Runs in the transaction that also marks them, under the relay's lock.
 */
export async function dueMessages(tx: Queryable, limit: number): Promise<OutboxRow[]> {
  return tx.query<OutboxRow>(
    `SELECT id, workflow_id AS "workflowId", kind, payload, attempts FROM outbox o
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
