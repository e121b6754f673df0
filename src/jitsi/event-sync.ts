import { z } from "zod";
import type { OccupancyEvent } from "./types.ts";
import {
  breakoutIdText,
  occupancy,
  occupantIdText,
  plainText,
  seconds,
  tokenField,
} from "./occupancy-event.ts";

const room = {
  room_name: plainText(1023),
  is_breakout: z.boolean().default(false),
  breakout_room_id: breakoutIdText.nullish(),
};
const occupant = {
  occupant_jid: occupantIdText,
  id: tokenField,
  joined_at: seconds.nullish(),
};
const past = z.looseObject({ ...occupant, left_at: seconds.nullish() });

/** What event_sync_component of jitsi-contrib posts to `…/events/room|occupant/*`. Times are whole seconds. */
export const eventSyncEvent = z.discriminatedUnion("event_name", [
  z.looseObject({ event_name: z.literal("muc-room-created"), ...room, created_at: seconds }),
  z.looseObject({
    event_name: z.literal("muc-room-destroyed"),
    ...room,
    destroyed_at: seconds,
    // Lua writes an empty list as {}.
    all_occupants: z.union([z.array(past).max(10_000), z.strictObject({})]).nullish(),
  }),
  z.looseObject({
    event_name: z.literal("muc-occupant-joined"),
    ...room,
    occupant: z.looseObject({ ...occupant, joined_at: seconds }),
  }),
  z.looseObject({
    event_name: z.literal("muc-occupant-left"),
    ...room,
    occupant: z.looseObject({ ...occupant, left_at: seconds }),
  }),
]);

const at = (timeS: number): Date => new Date(timeS * 1000);

/**
 * Everything the event says: a going also tells when its occupant came, and the end of a room tells of everybody who was in
 * it, so that an event that was lost is made up for. Breakout rooms come and go without the meeting, under its room's name.
 */
export function fromEventSync(event: z.infer<typeof eventSyncEvent>): OccupancyEvent[] {
  const name = event.room_name.toLowerCase();
  const breakout = event.is_breakout ? (event.breakout_room_id ?? "breakout") : undefined;
  switch (event.event_name) {
    case "muc-room-created":
      return event.is_breakout ? [] : [occupancy("created", name, at(event.created_at))];
    case "muc-room-destroyed": {
      const occupants = Array.isArray(event.all_occupants) ? event.all_occupants : [];
      const stays = occupants.flatMap((one) => stayOf(name, breakout, one));
      return event.is_breakout
        ? stays
        : [...stays, occupancy("destroyed", name, at(event.destroyed_at))];
    }
    case "muc-occupant-joined":
      return stayOf(name, breakout, { ...event.occupant, left_at: null });
    case "muc-occupant-left":
      return stayOf(name, breakout, event.occupant);
  }
}

function stayOf(
  roomName: string,
  breakout: string | undefined,
  one: z.infer<typeof past>,
): OccupancyEvent[] {
  const who = { id: one.occupant_jid, userId: one.id };
  const { joined_at: joined, left_at: left } = one;
  return [
    ...(joined === null || joined === undefined
      ? []
      : [occupancy("joined", roomName, at(joined), who, breakout)]),
    ...(left === null || left === undefined
      ? []
      : [occupancy("left", roomName, at(left), who, breakout)]),
  ];
}
