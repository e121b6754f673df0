import { randomUUID } from "node:crypto";
import { first, type Queryable } from "./database.ts";

/** How long the answer to a request is kept for its repeats, in hours. */
export const REPLIES_KEPT_H = 24;

/**
 * How long a node may be at work on a request before a repeat may take it over, in seconds: it is longer than any handler
 * waits for others, so a claim this old is of a node that died.
 */
const CLAIM_S = 30;

export interface StoredReply {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request under one Idempotency-Key of one user. */
export interface KeyedRequest {
  readonly userId: string;
  readonly key: string;
  /** A digest of everything in the request that its effect depends on. */
  readonly fingerprint: string;
}

/**
 * What became of the attempt to work on a request: it is ours (`claimed`), it has been answered (`stored`), somebody is at
 * work on it (`in_flight`), or its key belongs to another request (`other`).
 */
export type Claim =
  | { readonly kind: "claimed"; readonly claim: string }
  | { readonly kind: "stored"; readonly reply: StoredReply }
  | { readonly kind: "in_flight" | "other" };

/** Takes a request on, in one statement, so that of any number at once on any number of nodes one is at work on it. */
export async function claimKey(db: Queryable, request: KeyedRequest): Promise<Claim> {
  const { userId, key, fingerprint } = request;
  const claim = randomUUID();
  const claimed = await db.query(
    `INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, claim, claimed_until)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
     ON CONFLICT (user_id, key) DO UPDATE SET claim = excluded.claim, claimed_until = excluded.claimed_until
     WHERE k.status IS NULL AND k.fingerprint = excluded.fingerprint AND k.claimed_until < now()
     RETURNING 1`,
    [userId, key, fingerprint, claim, CLAIM_S],
  );
  if (claimed.length > 0) return { kind: "claimed", claim };
  const row = await first<StoredReply & { fingerprint: string; status: number | null }>(
    db,
    `SELECT fingerprint, status, response AS body, headers FROM idempotency_keys WHERE user_id = $1 AND key = $2`,
    [userId, key],
  );
  // Forgotten in between, being a day old: who repeats finds it free.
  if (row === undefined) return { kind: "in_flight" };
  if (row.fingerprint !== fingerprint) return { kind: "other" };
  const { status, body, headers } = row;
  return status === null
    ? { kind: "in_flight" }
    : { kind: "stored", reply: { status, body, headers } };
}

/** Keeps the answer for repeats. Only the holder of the claim may: after a takeover the later answer stands. */
export async function keepReply(
  db: Queryable,
  { userId, key }: KeyedRequest,
  claim: string,
  { status, body, headers }: StoredReply,
): Promise<void> {
  await db.query(
    "UPDATE idempotency_keys SET status = $4, response = $5, headers = $6 WHERE user_id = $1 AND key = $2 AND claim = $3",
    [userId, key, claim, status, JSON.stringify(body ?? null), JSON.stringify(headers)],
  );
}

/** Lets a repeat take the request on at once: it was not done, or is not over. */
export async function releaseKey(
  db: Queryable,
  { userId, key }: KeyedRequest,
  claim: string,
): Promise<void> {
  await db.query(
    "UPDATE idempotency_keys SET claimed_until = '-infinity' WHERE user_id = $1 AND key = $2 AND claim = $3 AND status IS NULL",
    [userId, key, claim],
  );
}

/** Forgets keys older than REPLIES_KEPT_H. Returns how many. */
export async function forgetKeys(db: Queryable): Promise<number> {
  const rows = await db.query(
    "DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1) RETURNING 1",
    [REPLIES_KEPT_H],
  );
  return rows.length;
}
