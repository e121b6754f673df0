import { z } from "zod";
import type { EventRow } from "../../db/feed.ts";
import { Time } from "../schema.ts";
import { EVENTS } from "./catalog.ts";

const place = {
  seq: z.int().meta({
    description:
      "Place in the order of all events; drop what is not greater than the last one seen",
  }),
  id: z.uuid(),
};
const occurredAt = Time.meta({ description: "Of what is on chain the time of its block" });

/** What a client gets of an event, over HTTP and over the socket alike. Who else got it is not part of it. */
export const Envelope = z
  .strictObject({
    ...place,
    type: z.string().max(100),
    occurredAt,
    data: z.record(z.string().max(100), z.unknown()),
  })
  .meta({
    id: "OtherEvent",
    description: "An event of a type that may be added, or as it was told formerly",
  });

export type EventEnvelope = z.output<typeof Envelope>;

/** `bid-placed` as the document names it: BidPlacedEvent. */
const componentName = (type: string): string =>
  `${type.replaceAll(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase())}Event`;

const known = Object.entries(EVENTS).map(([type, { when, audience, data }]) =>
  z
    .strictObject({ ...place, type: z.literal(type), occurredAt, data })
    .meta({ id: componentName(type), description: `${when} Told to: ${audience}.` }),
);

/** An event as the catalog describes it, and nothing else. */
export const KnownEvent = z.union(known).meta({ id: "KnownEvent" });

/** Any event. Those that are kept from before the catalog was as it is now, are still read. */
export const Event = z.union([KnownEvent, Envelope]).meta({ id: "Event" });

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
