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
     FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS all_events(e, place) ORDER BY place
     ON CONFLICT (cause) DO NOTHING`,
    [JSON.stringify(events)],
  );
}
