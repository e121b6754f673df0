import { z } from "zod";
import { refused } from "../errors.ts";
import { plainText } from "./occupancy-event.ts";
import type { ReservationAnswer, ReservationAnswerInput, ReservationRequest } from "./types.ts";

/** The form fields of `POST /conference` (mod_reservations of jitsi-meet); unknown ones may come. */
export const reservationForm = z.object({
  name: plainText(1023),
  start_time: z.iso.datetime({ offset: true }),
  mail_owner: plainText(3071),
});

/**
 * Reads a reservation request: the form as text, or its fields.
 * @throws AppError refuse 400 `reservation_malformed`
 */
export function parseReservationRequest(form: unknown): ReservationRequest {
  const fields = typeof form === "string" ? Object.fromEntries(new URLSearchParams(form)) : form;
  const parsed = reservationForm.safeParse(fields);
  if (!parsed.success) {
    const errors = parsed.error.issues.slice(0, 20).map((issue) => ({
      pointer: `/${issue.path.join("/")}`,
      code: issue.code,
      detail: issue.message,
    }));
    throw refused(
      "reservation_malformed",
      "This is not a reservation request of mod_reservations (a form with name, start_time and mail_owner).",
      400,
      errors,
    );
  }
  const { name, start_time, mail_owner } = parsed.data;
  return { room: name.toLowerCase(), name, mailOwner: mail_owner, startTime: new Date(start_time) };
}

/**
 * The body of a 200 (or of GET /conference/:id). Prosody wants the name it asked for, a start that
 * has an end in the future, and an id that is no number, which it would turn into a float.
 */
export function reservationAnswer(input: ReservationAnswerInput): ReservationAnswer {
  return {
    id: /^\d+(\.\d+)?$/.test(input.id) ? `resv-${input.id}` : input.id,
    name: input.request.name,
    mail_owner: input.request.mailOwner,
    start_time: input.startsAt.toISOString(),
    duration: Math.max(0, Math.floor(input.durationS)),
    ...(input.maxOccupants === undefined ? {} : { max_occupants: input.maxOccupants }),
  };
}
