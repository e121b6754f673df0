import type { Queryable } from "./database.ts";
import { recordEvents } from "./events.ts";

/** Something a person must learn of, whether or not they are connected now. */
export interface NewNotification {
  /** Names what happened to whom, once: writing it again changes nothing. */
  readonly cause: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly data: object;
}

/** What is in the inbox since just now, and is to be told. */
interface Delivered {
  readonly id: string;
  readonly userId: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly data: object;
  readonly createdAt: Date;
}

const DELIVERED = `id, user_id AS "userId", type, title, body, data, created_at AS "createdAt"`;

async function tell(tx: Queryable, delivered: readonly Delivered[]): Promise<void> {
  await recordEvents(
    tx,
    delivered.map(({ userId, createdAt, ...rest }) => ({
      type: "notification",
      audience: [`user:${userId}`],
      data: { ...rest, createdAt: createdAt.toISOString() },
    })),
  );
}

/**
 * Puts a notification into the inbox of whoever owns the wallet (lower-case), and tells their sockets. For a wallet that nobody
 * has bound it is kept until somebody does.
 */
export async function notifyWallet(
  tx: Queryable,
  wallet: string,
  notification: NewNotification,
): Promise<void> {
  const { cause, type, title, body } = notification;
  const values = [wallet, cause, type, title, body, JSON.stringify(notification.data)];
  const delivered = await tx.query<Delivered>(
    `INSERT INTO notifications (user_id, cause, type, title, body, data)
     SELECT user_id, $2, $3, $4, $5, $6 FROM wallets WHERE address = $1
     ON CONFLICT (user_id, cause) DO NOTHING RETURNING ${DELIVERED}`,
    values,
  );
  await tell(tx, delivered);
  if (delivered.length > 0) return;
  await tx.query(
    `INSERT INTO kept_notifications (wallet, cause, type, title, body, data)
     SELECT $1::text, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT FROM wallets WHERE address = $1::text) ON CONFLICT DO NOTHING`,
    values,
  );
}

/** Puts a notification into a user's inbox, and tells their sockets. */
export async function notifyUser(
  tx: Queryable,
  userId: string,
  notification: NewNotification,
): Promise<void> {
  const { cause, type, title, body, data } = notification;
  const delivered = await tx.query<Delivered>(
    `INSERT INTO notifications (user_id, cause, type, title, body, data) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_id, cause) DO NOTHING RETURNING ${DELIVERED}`,
    [userId, cause, type, title, body, JSON.stringify(data)],
  );
  await tell(tx, delivered);
}

/** Kept notifications delivered in one go. */
const DELIVERED_AT_ONCE = 500;

/**
 * Brings what was kept for wallets to whoever has bound them since, in the place in the inbox that belongs to its time. Called
 * where wallets are bound, and every now and then, as a notification may be kept in the very moment in which its wallet is bound.
 * Returns how many were brought.
 */
export async function deliverKept(tx: Queryable): Promise<number> {
  const delivered = await tx.query<Delivered>(
    `WITH owned AS (SELECT k.wallet, k.cause, w.user_id FROM kept_notifications k JOIN wallets w ON w.address = k.wallet
         ORDER BY k.created_at LIMIT $1 FOR UPDATE OF k SKIP LOCKED),
       gone AS (DELETE FROM kept_notifications k USING owned o WHERE k.wallet = o.wallet AND k.cause = o.cause
         RETURNING o.user_id, k.cause, k.type, k.title, k.body, k.data, k.created_at)
     INSERT INTO notifications (id, user_id, cause, type, title, body, data, created_at)
     SELECT uuidv7(created_at - now()), user_id, cause, type, title, body, data, created_at FROM gone ORDER BY created_at
     ON CONFLICT (user_id, cause) DO NOTHING RETURNING ${DELIVERED}`,
    [DELIVERED_AT_ONCE],
  );
  await tell(tx, delivered);
  return delivered.length;
}
