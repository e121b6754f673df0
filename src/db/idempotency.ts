import { createHash } from "node:crypto";
import { refused } from "../errors.ts";
import { first, type Queryable } from "./database.ts";

export interface StoredReply {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Claims an Idempotency-Key for one command of one user. Returns the reply of an earlier success, to be given again, or
 * undefined when the work is still to be done; the work itself must be safe to repeat under the same key.
 * @throws AppError refuse 422 `idempotency_key_reused` when the key was first sent with another command.
 */
export async function claimIdempotencyKey(
  db: Queryable,
  userId: string,
  key: string,
  command: object,
): Promise<StoredReply | undefined> {
  const fingerprint = createHash("sha256").update(JSON.stringify(command)).digest("hex");
  await db.query(
    "INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    [userId, key, fingerprint],
  );
  const row = await first<{ fingerprint: string; status: number | null; response: unknown }>(
    db,
    "SELECT fingerprint, status, response FROM idempotency_keys WHERE user_id = $1 AND key = $2",
    [userId, key],
  );
  if (row !== undefined && row.fingerprint !== fingerprint) {
    throw refused(
      "idempotency_key_reused",
      "this Idempotency-Key was sent with another request before; use a fresh one",
      422,
    );
  }
  return row === undefined || row.status === null
    ? undefined
    : { status: row.status, body: row.response };
}

/** Keeps the reply of a success for repeats. */
export async function storeReply(
  db: Queryable,
  userId: string,
  key: string,
  reply: StoredReply,
): Promise<void> {
  await db.query(
    "UPDATE idempotency_keys SET status = $3, response = $4 WHERE user_id = $1 AND key = $2",
    [userId, key, reply.status, JSON.stringify(reply.body)],
  );
}
