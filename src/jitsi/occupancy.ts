import { z } from "zod";
import { refused } from "../errors.ts";
import type { OccupancyEvent } from "./types.ts";

const seconds = z.coerce.number().positive().max(1e11);
/** Context fields of a token may be text, numbers or null. */
const tokenField = z.union([z.string().max(512), z.number()]).nullish();

const syncRoom = {
  room_name: z.string().min(1).max(1023),
  is_breakout: z.boolean().default(false),
};
const syncOccupant = { occupant_jid: z.string().min(1).max(3071), id: tokenField };

/** What event_sync_component of jitsi-contrib posts to `…/events/room|occupant/*`. */
export const eventSyncEvent = z.discriminatedUnion("event_name", [
  z.looseObject({ event_name: z.literal("muc-room-created"), ...syncRoom, created_at: seconds }),
  z.looseObject({
    event_name: z.literal("muc-room-destroyed"),
    ...syncRoom,
    destroyed_at: seconds,
  }),
  z.looseObject({
    event_name: z.literal("muc-occupant-joined"),
    ...syncRoom,
    occupant: z.looseObject({ ...syncOccupant, joined_at: seconds }),
  }),
  z.looseObject({
    event_name: z.literal("muc-occupant-left"),
    ...syncRoom,
    occupant: z.looseObject({ ...syncOccupant, left_at: seconds }),
  }),
]);

/** A JaaS webhook. */
export const jaasWebhook = z.looseObject({
  idempotencyKey: z.string().min(1).max(256),
  eventType: z.string().min(1).max(128),
  /** Milliseconds. */
  timestamp: z.number().positive().max(1e14),
  /** `<AppID>/<room>` */
  fqn: z.string().min(1).max(1400),
  data: z
    .looseObject({
      id: tokenField,
      participantId: z.string().max(512).nullish(),
      participantJid: z.string().max(3071).nullish(),
      isBreakout: z.boolean().nullish(),
    })
    .default({}),
});

const JAAS_KINDS = new Map<string, OccupancyEvent["kind"]>([
  ["ROOM_CREATED", "created"],
  ["ROOM_DESTROYED", "destroyed"],
  ["PARTICIPANT_JOINED", "joined"],
  ["PARTICIPANT_LEFT", "left"],
]);

/**
 * Reads an event of either sender. Undefined for events that say nothing about who is in the room:
 * other webhooks, and the coming and going of breakout rooms.
 * @throws AppError refuse 400 `occupancy_event_malformed`
 */
export function parseOccupancyEvent(body: unknown): OccupancyEvent | undefined {
  const isJaas = typeof body === "object" && body !== null && "eventType" in body;
  const parsed = isJaas
    ? jaasWebhook.transform(fromJaas).safeParse(body)
    : eventSyncEvent.transform(fromEventSync).safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    pointer: `/${issue.path.join("/")}`,
    code: issue.code ?? "invalid",
    detail: issue.message,
  }));
  throw refused(
    "occupancy_event_malformed",
    "This is neither an event of event_sync nor a JaaS webhook.",
    400,
    errors,
  );
}

function fromEventSync(event: z.infer<typeof eventSyncEvent>): OccupancyEvent | undefined {
  const room = event.room_name.toLowerCase();
  if (event.event_name === "muc-room-created")
    return event.is_breakout
      ? undefined
      : occupancy("created", room, new Date(event.created_at * 1000));
  if (event.event_name === "muc-room-destroyed")
    return event.is_breakout
      ? undefined
      : occupancy("destroyed", room, new Date(event.destroyed_at * 1000));
  const occupant = { id: event.occupant.occupant_jid, userId: event.occupant.id };
  return event.event_name === "muc-occupant-joined"
    ? occupancy("joined", room, new Date(event.occupant.joined_at * 1000), occupant)
    : occupancy("left", room, new Date(event.occupant.left_at * 1000), occupant);
}

function fromJaas(
  webhook: z.infer<typeof jaasWebhook>,
  context: z.RefinementCtx,
): OccupancyEvent | undefined {
  const kind = JAAS_KINDS.get(webhook.eventType);
  const { data } = webhook;
  if (kind === undefined) return undefined;
  const room = webhook.fqn.slice(webhook.fqn.lastIndexOf("/") + 1).toLowerCase();
  const at = new Date(webhook.timestamp);
  if (kind === "created" || kind === "destroyed")
    return data.isBreakout === true
      ? undefined
      : occupancy(kind, room, at, undefined, webhook.idempotencyKey);
  const id = data.participantId ?? data.participantJid;
  if (!id) {
    context.addIssue({
      code: "custom",
      path: ["data", "participantId"],
      message: "the participant has no id",
    });
    return z.NEVER;
  }
  return occupancy(kind, room, at, { id, userId: data.id }, webhook.idempotencyKey);
}

function occupancy(
  kind: OccupancyEvent["kind"],
  room: string,
  at: Date,
  occupant?: { readonly id: string; readonly userId: string | number | null | undefined },
  idempotencyKey?: string,
): OccupancyEvent {
  const occupantId = occupant?.id ?? "";
  const userId = occupant?.userId ?? "";
  return {
    kind,
    room,
    occupantId,
    ...(userId === "" ? {} : { userId: String(userId) }),
    at,
    dedupeKey: idempotencyKey ?? `${kind}:${room}:${occupantId}:${at.getTime()}`,
  };
}
