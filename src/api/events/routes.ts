import { z } from "zod";
import { INTERNAL_EVENT_TYPES } from "../../db/people.ts";
import { eventsFor, lastEventSeq } from "../../db/feed.ts";
import { cutPage, rowsToRead } from "../cursor.ts";
import { route } from "../route.ts";
import { AuctionId, PageQuery } from "../schema.ts";
import { audienceOf, Envelope, envelope } from "./envelope.ts";

const EventPage = z
  .strictObject({
    data: z.array(Envelope),
    nextCursor: z
      .string()
      .nullable()
      .meta({ description: "Give it as `after` for the next page; null on the last one" }),
    lastSeq: z.int().meta({
      description:
        "Everything up to here has been looked at: where to go on from, by `after` or as `lastSeq` of a socket",
    }),
  })
  .meta({ id: "EventPage" });

const EventQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, "must be a seq")
    .transform(Number)
    .optional()
    .meta({
      description: "Only events with a greater seq; 0 if not given",
      override: { type: "integer", minimum: 0, default: 0 },
    }),
  auctions: z
    .string()
    .max(4_000)
    .transform((text) => text.split(","))
    .pipe(z.array(AuctionId).max(50))
    .optional()
    .meta({
      description: "Also events of these auctions, as after join-auction; ids separated by commas",
      override: { type: "string" },
    }),
  limit: PageQuery.shape.limit,
});

export const eventRoutes = [
  route({
    method: "GET",
    path: "/api/events",
    operationId: "listEvents",
    tag: "events",
    summary: "The realtime events of the user, replayable",
    policy: "user",
    query: EventQuery,
    responses: { 200: EventPage },
    handler: async ({ query, user }, deps) => {
      const audience = [
        ...audienceOf(user),
        ...(query.auctions ?? []).map((id) => `auction:${id}`),
      ];
      // Read before the events: what is committed in between is left for the next request instead of being jumped over.
      const upTo = await lastEventSeq(deps.db);
      const rows = await eventsFor(deps.db, audience, {
        after: query.after ?? 0,
        upTo,
        without: INTERNAL_EVENT_TYPES,
        limit: rowsToRead(query.limit),
      });
      const cut = cutPage(rows, query.limit, (row) => String(row.seq));
      return {
        status: 200,
        body: {
          data: cut.rows.map(envelope),
          nextCursor: cut.nextCursor,
          lastSeq:
            cut.nextCursor === null ? Math.max(upTo, query.after ?? 0) : Number(cut.nextCursor),
        },
      };
    },
  }),
];
