import { z } from "zod";
import { INTERNAL_EVENT_TYPES } from "../../db/people.ts";
import { eventsFor, lastEventSeq, prunedThrough } from "../../db/feed.ts";
import { refused } from "../../errors.ts";
import { cutPage, rowsToRead } from "../cursor.ts";
import { route } from "../route.ts";
import { AuctionId, MAX_PAGE_SIZE, PageQuery } from "../schema.ts";
import { audienceOf, Event, envelope } from "./envelope.ts";

const EventPage = z
  .strictObject({
    data: z.array(Event).max(MAX_PAGE_SIZE),
    nextCursor: z
      .string()
      .max(16)
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
      description: "Only events with a greater seq; all that are kept if not given",
      override: { type: "integer", format: "int64", minimum: 0, maximum: 999_999_999_999_999 },
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
    description:
      "Events are kept for some weeks. An `after` of before that is answered 410: read the state anew, and go on without it.",
    policy: "user",
    query: EventQuery,
    responses: { 200: EventPage },
    problems: [410],
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
      // Asked after reading: what was pruned before that was not read.
      if (query.after !== undefined && query.after < (await prunedThrough(deps.db)))
        throw refused(
          "events_pruned",
          "the events after that seq are not kept any more: read the state anew, then ask without `after`",
          410,
        );
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
