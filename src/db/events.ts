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
  for (const event of events) {
    await tx.query(
      `INSERT INTO events (type, audience, data, cause, occurred_at) VALUES ($1, $2, $3, $4, coalesce($5, now()))
       ON CONFLICT (cause) DO NOTHING`,
      [
        event.type,
        event.audience,
        JSON.stringify(event.data),
        event.cause ?? null,
        event.occurredAt ?? null,
      ],
    );
  }
}
