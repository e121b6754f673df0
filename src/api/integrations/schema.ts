import { z } from "zod";

/** Prosody's reservation form. What is in it is read by the Jitsi client, which also knows what newer versions add. */
export const ReservationForm = z
  .looseObject({
    name: z.string().max(1_000),
    start_time: z.string().max(100),
    mail_owner: z.string().max(1_000),
  })
  .meta({
    id: "ReservationRequest",
    description: "As mod_reservations of jitsi-meet sends it; form-encoded",
  });

export const Reservation = z
  .strictObject({
    id: z.uuid(),
    name: z.string().max(1_000),
    mail_owner: z.string().max(1_000),
    start_time: z.string().max(100),
    duration: z.int(),
    max_occupants: z.int().optional(),
  })
  .meta({ id: "Reservation" });

/** Prosody shows `message` to whoever tried to open the room. */
export const ReservationRefusal = z
  .strictObject({ message: z.string().max(2_000), code: z.string().max(100) })
  .meta({ id: "ReservationRefusal" });

export const ConferenceParams = z.strictObject({ id: z.uuid() });

export const OccupancyBody = z.record(z.string().max(1_000), z.unknown()).meta({
  id: "OccupancyEvent",
  description: "An event of event_sync_component, or a JaaS webhook",
});

export const OccupancyAnswer = z
  .strictObject({ recorded: z.boolean() })
  .meta({ id: "OccupancyRecorded" });

export const RoomEventParams = z.strictObject({ what: z.enum(["created", "destroyed"]) });
export const OccupantEventParams = z.strictObject({ what: z.enum(["joined", "left"]) });
