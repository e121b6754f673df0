import { z } from "zod";
import type { OccupancyEvent } from "./types.ts";

/** Text that can be kept: Postgres takes no NUL. */
export const plainText = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => !text.includes("\0"), "must not hold a NUL");
/** Who is in a room, and in which breakout room: parts of a key in Postgres, which may be 2,700 bytes long. */
export const occupantIdText = plainText(500);
export const breakoutIdText = plainText(100);
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
  breakout?: string,
): OccupancyEvent {
  const occupantId = occupant?.id ?? "";
  const userId = occupant?.userId ?? "";
  return {
    kind,
    room,
    occupantId,
    ...(userId === "" ? {} : { userId: String(userId) }),
    ...(breakout === undefined ? {} : { breakout }),
    at,
  };
}
