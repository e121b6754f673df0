import { z } from "zod";
import type { OccupancyEvent } from "./types.ts";

/** Text that can be kept: Postgres takes no NUL. */
export const plainText = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !text.includes("\0"), "must not hold a NUL");
/** Unix seconds, as Prosody counts them. */
export const seconds = z.coerce.number().positive().max(1e11);
/** Context fields of a token may be text, numbers or null. */
export const tokenField = z.union([z.literal(""), plainText(512), z.number()]).nullish();

/** An event of either sender in our words. */
export function occupancy(
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
