import { refused } from "../errors.ts";
import { eventSyncEvent, fromEventSync } from "./event-sync.ts";
import { fromJaas, jaasWebhook } from "./jaas-webhook.ts";
import type { OccupancyEvent } from "./types.ts";

/**
 * Reads what event_sync_component or JaaS report: the events in it, none when it says nothing about who is in the room. They
 * all concern one room.
 * @throws AppError refuse 400 `occupancy_event_malformed`
 */
export function parseOccupancyEvents(body: unknown): readonly OccupancyEvent[] {
  const isJaas = typeof body === "object" && body !== null && "eventType" in body;
  const parsed = isJaas
    ? jaasWebhook.transform(fromJaas).safeParse(body)
    : eventSyncEvent.transform(fromEventSync).safeParse(body);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
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
