import { first, type Queryable } from "./database.ts";

/** What a person is told: the inbox, and the events of the realtime stream. */

export interface NotificationRow {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly body: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly readAt: Date | null;
  readonly createdAt: Date;
}

const NOTIFICATION = `id, type, title, body, data, read_at AS "readAt", created_at AS "createdAt"`;

/** A user's inbox, newest first. */
export async function notificationsOf(
  db: Queryable,
  userId: string,
  page: {
    readonly unreadOnly: boolean;
    readonly before: string | undefined;
    readonly limit: number;
  },
): Promise<readonly NotificationRow[]> {
  return db.query<NotificationRow>(
    `SELECT ${NOTIFICATION} FROM notifications
     WHERE user_id = $1 AND ($2::uuid IS NULL OR id < $2) AND (NOT $3::boolean OR read_at IS NULL)
     ORDER BY id DESC LIMIT $4`,
    [userId, page.before ?? null, page.unreadOnly, page.limit],
  );
}

export async function unreadCount(db: Queryable, userId: string): Promise<number> {
  const row = await first<{ count: number }>(
    db,
    "SELECT count(*)::int AS count FROM notifications WHERE user_id = $1 AND read_at IS NULL",
    [userId],
  );
  return row?.count ?? 0;
}

/** Marks one notification as read, at the first time it is asked; undefined when the user has no such notification. */
export async function markRead(
  db: Queryable,
  userId: string,
  id: string,
): Promise<NotificationRow | undefined> {
  return first<NotificationRow>(
    db,
    `UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE id = $2 AND user_id = $1 RETURNING ${NOTIFICATION}`,
    [userId, id],
  );
}

/** Marks all as read and returns how many were not. */
export async function markAllRead(db: Queryable, userId: string): Promise<number> {
  const rows = await db.query(
    "UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL RETURNING id",
    [userId],
  );
  return rows.length;
}

export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly audience: readonly string[];
  readonly occurredAt: Date;
  readonly data: object;
}

const EVENT = `seq, id, type, audience, occurred_at AS "occurredAt", data`;

/** Every event after `after`, in order; seq has no gaps, so what is returned is all there is up to the last one. */
export async function eventsAfter(
  db: Queryable,
  after: number,
  limit: number,
): Promise<readonly EventRow[]> {
  return db.query<EventRow>(`SELECT ${EVENT} FROM events WHERE seq > $1 ORDER BY seq LIMIT $2`, [
    after,
    limit,
  ]);
}

/** Events of an audience with `after` < seq ≤ `upTo`, in order, without those that only nodes tell one another. */
export async function eventsFor(
  db: Queryable,
  audience: readonly string[],
  range: {
    readonly after: number;
    readonly upTo: number;
    readonly without: readonly string[];
    readonly limit: number;
  },
): Promise<readonly EventRow[]> {
  return db.query<EventRow>(
    `SELECT ${EVENT} FROM events WHERE seq > $1 AND seq <= $2 AND audience && $3::text[] AND type <> ALL($4::text[]) ORDER BY seq LIMIT $5`,
    [range.after, range.upTo, audience, range.without, range.limit],
  );
}

/** The seq of the last committed event. */
export async function lastEventSeq(db: Queryable): Promise<number> {
  const row = await first<{ seq: number }>(db, "SELECT last_seq AS seq FROM event_sequence");
  return row?.seq ?? 0;
}

/** Up to which seq events have been pruned: 0 while all are there. They go from the oldest on, so what is left has no hole. */
export async function prunedThrough(db: Queryable): Promise<number> {
  const row = await first<{ seq: number }>(
    db,
    "SELECT coalesce((SELECT min(seq) - 1 FROM events), last_seq) AS seq FROM event_sequence",
  );
  return row?.seq ?? 0;
}
