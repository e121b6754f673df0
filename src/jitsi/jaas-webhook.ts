import { z } from "zod";
import type { OccupancyEvent } from "./types.ts";
import { occupancy, plainText, tokenField } from "./occupancy-event.ts";

/** A JaaS webhook. They are repeated until they are answered, and overtake one another. */
export const jaasWebhook = z.looseObject({
  idempotencyKey: plainText(256),
  eventType: z.string().min(1).max(128),
  /** Milliseconds. */
  timestamp: z.number().positive().max(1e14),
  /** `<AppID>/<room>` */
  fqn: plainText(1400),
  data: z
    .looseObject({
      id: tokenField,
      participantId: z.union([z.literal(""), plainText(512)]).nullish(),
      participantJid: z.union([z.literal(""), plainText(3071)]).nullish(),
      isBreakout: z.boolean().nullish(),
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
  const key = webhook.idempotencyKey;
  if (kind === "created" || kind === "destroyed")
    return data.isBreakout === true ? [] : [occupancy(kind, room, at, undefined, key)];
  const id = data.participantId ?? data.participantJid;
  if (!id) {
    context.addIssue({
      code: "custom",
      path: ["data", "participantId"],
      message: "the participant has no id",
    });
    return z.NEVER;
  }
  return [occupancy(kind, room, at, { id, userId: data.id }, key)];
}
