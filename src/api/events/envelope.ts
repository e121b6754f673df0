import { z } from "zod";
import type { EventRow } from "../../db/feed.ts";
import { Time } from "../schema.ts";

/** What a client gets of an event, over HTTP and over the socket alike. Who else got it is not part of it. */
export const Envelope = z
  .strictObject({
    seq: z.int().meta({
      description:
        "Place in the order of all events; drop what is not greater than the last one seen",
    }),
    id: z.uuid(),
    type: z.string().max(100),
    occurredAt: Time,
    data: z.record(z.string().max(100), z.unknown()),
  })
  .meta({ id: "Event" });

export type EventEnvelope = z.output<typeof Envelope>;

export function envelope(row: EventRow): EventEnvelope {
  return {
    seq: row.seq,
    id: row.id,
    type: row.type,
    occurredAt: row.occurredAt.toISOString(),
    data: { ...row.data },
  };
}

/** The rooms a user is always in. */
export function audienceOf(account: {
  readonly id: string;
  readonly wallets: readonly string[];
}): string[] {
  return ["public", `user:${account.id}`, ...account.wallets.map((address) => `wallet:${address}`)];
}
