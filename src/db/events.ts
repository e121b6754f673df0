import type { Queryable } from "./database.ts";

/** One realtime event. It is written in the transaction that caused it; its seq is given at commit by the database. */
export interface NewEvent {
  readonly type: string;
  /** Rooms: 'public', 'user:<id>', 'auction:<auctionId>', 'wallet:<lower-case address>'. */
  readonly audience: readonly string[];
  readonly data: object;
  /** Names what caused it, when the cause may be reported twice: the second writes nothing. */
  readonly cause?: string;
  readonly occurredAt?: Date;
}

/** Writes the events in the given order. */
export async function recordEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `INSERT INTO events (type, audience, data, cause, occurred_at)
     SELECT e->>'type', ARRAY(SELECT jsonb_array_elements_text(e->'audience')), e->'data', e->>'cause', coalesce((e->>'occurredAt')::timestamptz, now())
     FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS all_events(e, place)
     WHERE e->>'cause' IS NULL OR NOT EXISTS (SELECT FROM pruned_event_causes WHERE digest = md5(e->>'cause')::uuid)
     ORDER BY place
     ON CONFLICT (cause) DO NOTHING`,
    [JSON.stringify(events)],
  );
}

/** Events pruned in one transaction. */
const PRUNED_AT_ONCE = 5_000;

/**
 * Deletes the events that were written longer ago than that, from the oldest on, so that those that are left have no hole between
 * them. Returns how many went.
 */
export async function pruneEvents(db: Queryable, keptDays: number): Promise<number> {
  let pruned = 0;
  for (;;) {
    const [batch] = await db.query<{ old: number }>(
      // By when it was written, which its id tells: what happened on the chain long ago may have been indexed today. The oldest
      // that is kept ends the batch, also where an id is a moment older than the seq before it.
      `WITH oldest AS (SELECT seq, uuid_extract_timestamp(id) < now() - make_interval(days => $1) AS old FROM events
           -- What is still to go to webhooks stays.
           WHERE seq <= (SELECT last_seq FROM webhook_progress) ORDER BY seq LIMIT $2),
         gone AS (DELETE FROM events WHERE seq IN (SELECT seq FROM oldest) AND seq < coalesce((SELECT min(seq) FROM oldest WHERE NOT old), 'infinity'::float8)
           RETURNING cause),
         remembered AS (INSERT INTO pruned_event_causes SELECT md5(cause)::uuid FROM gone WHERE cause IS NOT NULL ON CONFLICT DO NOTHING)
       SELECT count(*)::int AS old FROM gone`,
      [keptDays, PRUNED_AT_ONCE],
    );
    pruned += batch?.old ?? 0;
    if ((batch?.old ?? 0) < PRUNED_AT_ONCE) return pruned;
  }
}
