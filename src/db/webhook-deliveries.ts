import { first, type Queryable } from "./database.ts";
import { INTERNAL_EVENT_TYPES } from "./people.ts";

/** One event for one webhook. */
export interface DeliveryRow {
  readonly id: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly seq: number;
  readonly type: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  readonly nextAttemptAt: Date;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly deliveredAt: Date | null;
}

const DELIVERY = `d.id, d.webhook_id AS "webhookId", d.event_id AS "eventId", d.seq, d.type, d.state, d.attempts, d.next_attempt_at AS "nextAttemptAt",
  d.last_status AS "lastStatus", d.last_error AS "lastError", d.created_at AS "createdAt", d.delivered_at AS "deliveredAt"`;

/** The deliveries of a user's webhook, newest first. */
export async function deliveriesOf(
  db: Queryable,
  webhookId: string,
  page: { readonly before: string | undefined; readonly limit: number },
): Promise<readonly DeliveryRow[]> {
  return db.query<DeliveryRow>(
    `SELECT ${DELIVERY} FROM webhook_deliveries d WHERE webhook_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [webhookId, page.before ?? null, page.limit],
  );
}

/** Events made into deliveries in one transaction. */
const EVENTS_AT_ONCE = 500;

/**
 * Makes the deliveries of the next events: each goes to the webhooks of the users whom it names, or whose wallets. What is for
 * everybody or for whoever follows an auction goes to none. The events are passed exactly once, by one node at a time. Returns how
 * many were passed; 0 also while another node does it.
 */
export async function planDeliveries(tx: Queryable): Promise<number> {
  const from = await first<{ seq: number }>(
    tx,
    "SELECT last_seq AS seq FROM webhook_progress FOR UPDATE SKIP LOCKED",
  );
  if (from === undefined) return 0;
  const to = await first<{ seq: number | null }>(
    tx,
    "SELECT max(seq) AS seq FROM (SELECT seq FROM events WHERE seq > $1 ORDER BY seq LIMIT $2) AS next",
    [from.seq, EVENTS_AT_ONCE],
  );
  if (to === undefined || to.seq === null) return 0;
  await tx.query(
    `INSERT INTO webhook_deliveries (webhook_id, event_id, seq, type, body)
     SELECT DISTINCT ON (e.seq, w.id) w.id, e.id, e.seq, e.type,
       json_build_object('type', e.type, 'timestamp', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'data', e.data, 'id', e.id, 'seq', e.seq)::text
     FROM events e CROSS JOIN LATERAL unnest(e.audience) AS room
       JOIN webhooks w ON w.state = 'enabled' AND e.seq > w.after_seq AND (w.types IS NULL OR e.type = ANY(w.types))
         AND (room = 'user:' || w.user_id OR EXISTS (SELECT FROM wallets o WHERE o.user_id = w.user_id AND room = 'wallet:' || o.address))
     WHERE e.seq > $1 AND e.seq <= $2 AND e.type <> ALL($3::text[]) ORDER BY e.seq, w.id
     ON CONFLICT DO NOTHING`,
    [from.seq, to.seq, INTERNAL_EVENT_TYPES],
  );
  await tx.query("UPDATE webhook_progress SET last_seq = $1", [to.seq]);
  return to.seq - from.seq;
}

/** A delivery to be tried now. */
export interface DueDelivery {
  readonly id: string;
  readonly webhookId: string;
  readonly userId: string;
  readonly url: string;
  readonly eventId: string;
  readonly body: string;
  /** This one included. */
  readonly attempts: number;
}

/**
 * Takes deliveries that are due: nobody else takes them for `leaseS` seconds, after which whoever took them is taken for dead. Users
 * take turns: who has least under way comes first, however much waits for the others.
 * @param options `perWebhook` and `perUser` count what is under way already
 */
export async function claimDeliveries(
  db: Queryable,
  options: {
    readonly limit: number;
    readonly perWebhook: number;
    readonly perUser: number;
    readonly leaseS: number;
    readonly underWay: readonly Pick<DueDelivery, "webhookId" | "userId">[];
  },
): Promise<readonly DueDelivery[]> {
  const { limit, perWebhook, perUser, leaseS, underWay } = options;
  return db.query<DueDelivery>(
    `WITH under_way AS (SELECT * FROM unnest($5::uuid[], $6::uuid[]) AS one(webhook_id, user_id)),
     of_webhooks AS (
       SELECT d.id, d.next_attempt_at, w.user_id,
         row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.next_attempt_at, d.id) + coalesce(u.count, 0) AS place
       FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
         LEFT JOIN (SELECT webhook_id, count(*) FROM under_way GROUP BY webhook_id) u ON u.webhook_id = d.webhook_id
       WHERE d.state = 'pending' AND d.next_attempt_at <= now()),
     of_users AS (
       SELECT o.id, o.next_attempt_at,
         row_number() OVER (PARTITION BY o.user_id ORDER BY o.next_attempt_at, o.id) + coalesce(u.count, 0) AS place
       FROM of_webhooks o LEFT JOIN (SELECT user_id, count(*) FROM under_way GROUP BY user_id) u ON u.user_id = o.user_id
       WHERE o.place <= $2),
     due AS (SELECT id FROM of_users WHERE place <= $3 ORDER BY place, next_attempt_at LIMIT $1),
     taken AS (
       SELECT d.id FROM webhook_deliveries d JOIN due USING (id)
       WHERE d.state = 'pending' AND d.next_attempt_at <= now() FOR UPDATE OF d SKIP LOCKED)
     UPDATE webhook_deliveries d SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => $4)
     FROM taken, webhooks w WHERE d.id = taken.id AND w.id = d.webhook_id
     RETURNING d.id, d.webhook_id AS "webhookId", w.user_id AS "userId", w.url, d.event_id AS "eventId", d.body, d.attempts`,
    [
      limit,
      perWebhook,
      perUser,
      leaseS,
      underWay.map((one) => one.webhookId),
      underWay.map((one) => one.userId),
    ],
  );
}

/** The receiver has it. */
export async function markReceived(
  tx: Queryable,
  delivery: DueDelivery,
  status: number,
): Promise<void> {
  await tx.query(
    "UPDATE webhook_deliveries SET state = 'delivered', delivered_at = now(), last_status = $2, last_error = NULL WHERE id = $1",
    [delivery.id, status],
  );
  await tx.query(
    "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
    [delivery.webhookId],
  );
}

/** The receiver does not have it: tried again in `retryInS` seconds, or never if that is undefined. */
export async function markNotReceived(
  tx: Queryable,
  delivery: DueDelivery,
  why: { readonly status: number | null; readonly error: string },
  retryInS: number | undefined,
): Promise<void> {
  await tx.query(
    `UPDATE webhook_deliveries SET last_status = $2, last_error = $3, state = CASE WHEN $4::int IS NULL THEN 'failed' ELSE 'pending' END,
       next_attempt_at = now() + make_interval(secs => coalesce($4::int, 0)) WHERE id = $1 AND state = 'pending'`,
    [delivery.id, why.status, why.error, retryInS ?? null],
  );
  await tx.query(
    "UPDATE webhooks SET failing_since = now() WHERE id = $1 AND failing_since IS NULL",
    [delivery.webhookId],
  );
}

/**
 * Disables a webhook that is enabled and, with `failingForS`, has taken nothing for so long; what waits for it is given up. False
 * when it stays as it is.
 */
export async function disableWebhook(
  tx: Queryable,
  webhookId: string,
  reason: string,
  failingForS = 0,
): Promise<boolean> {
  const disabled = await tx.query(
    `UPDATE webhooks SET state = 'disabled', disabled_reason = $2 WHERE id = $1 AND state = 'enabled'
       AND ($3 = 0 OR failing_since <= now() - make_interval(secs => $3)) RETURNING 1`,
    [webhookId, reason, failingForS],
  );
  if (disabled.length === 0) return false;
  await tx.query(
    "UPDATE webhook_deliveries SET state = 'failed', last_error = coalesce(last_error, 'the webhook was disabled') WHERE webhook_id = $1 AND state = 'pending'",
    [webhookId],
  );
  return true;
}

/** Forgets deliveries that are over and older than that. Returns how many. */
export async function pruneDeliveries(db: Queryable, keptDays: number): Promise<number> {
  const gone = await db.query(
    "DELETE FROM webhook_deliveries WHERE state <> 'pending' AND created_at < now() - make_interval(days => $1) RETURNING 1",
    [keptDays],
  );
  return gone.length;
}
