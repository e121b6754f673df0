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

/** Puts a notification into the inbox of whoever owns the wallet, and tells their sockets. Wallets nobody has bound are passed over. */
export async function notifyWallet(
  tx: Queryable,
  wallet: string,
  notification: NewNotification,
): Promise<void> {
  const [row] = await tx.query<{ id: string; userId: string; createdAt: Date }>(
    `INSERT INTO notifications (user_id, cause, type, title, body, data)
     SELECT user_id, $2, $3, $4, $5, $6 FROM wallets WHERE address = $1
     ON CONFLICT (user_id, cause) DO NOTHING
     RETURNING id, user_id AS "userId", created_at AS "createdAt"`,
    [
      wallet,
      notification.cause,
      notification.type,
      notification.title,
      notification.body,
      JSON.stringify(notification.data),
    ],
  );
  if (row === undefined) return;
  const { type, title, body, data } = notification;
  await recordEvents(tx, [
    {
      type: "notification",
      audience: [`user:${row.userId}`],
      data: { id: row.id, type, title, body, data, createdAt: row.createdAt.toISOString() },
    },
  ]);
}
