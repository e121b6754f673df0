import { z } from "zod";
import type { OccupancyEvent } from "./types.ts";
import {
  breakoutIdText,
  occupancy,
  occupantIdText,
  plainText,
  tokenField,
} from "./occupancy-event.ts";

/** A JaaS webhook. They are repeated until they are answered, and overtake one another. */
export const jaasWebhook = z.looseObject({
  eventType: z.string().min(1).max(128),
  /** Milliseconds. */
  timestamp: z.number().positive().max(1e14),
  /** `<AppID>/<room>` */
  fqn: plainText(1400),
  data: z
    .looseObject({
      id: tokenField,
      participantId: z.union([z.literal(""), occupantIdText]).nullish(),
      participantJid: z.union([z.literal(""), occupantIdText]).nullish(),
      isBreakout: z.boolean().nullish(),
      breakoutRoomId: z.union([z.literal(""), breakoutIdText]).nullish(),
    })
    .default({}),
});

const KINDS = new Map<string, OccupancyEvent["kind"]>([
  ["ROOM_CREATED", "created"],
  ["ROOM_DESTROYED", "destroyed"],
  ["PARTICIPANT_JOINED", "joined"],
  ["PARTICIPANT_LEFT", "left"],
]);

/** What the webhook says of who is in the room: nothing, for most kinds. */
export function fromJaas(
  webhook: z.infer<typeof jaasWebhook>,
  context: z.RefinementCtx,
): OccupancyEvent[] {
  const kind = KINDS.get(webhook.eventType);
  const { data } = webhook;
  if (kind === undefined) return [];
  const room = webhook.fqn.slice(webhook.fqn.lastIndexOf("/") + 1).toLowerCase();
  const at = new Date(webhook.timestamp);
  if (kind === "created" || kind === "destroyed")
    return data.isBreakout === true ? [] : [occupancy(kind, room, at)];
  const id = data.participantId || data.participantJid;
  if (!id) {
    context.addIssue({
      code: "custom",
      path: ["data", "participantId"],
      message: "the participant has no id",
    });
    return z.NEVER;
  }
  const breakout = data.isBreakout === true ? data.breakoutRoomId || "breakout" : undefined;
  return [occupancy(kind, room, at, { id, userId: data.id }, breakout)];
}
