import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { boundedFetch, OutsideError } from "../../../src/outside/bounded-fetch.ts";
import type { BoundedAnswer, BoundedRequest } from "../../../src/outside/bounded-fetch.ts";

/** A granted reservation. */
export interface Reservation {
  readonly id: string;
  readonly endsAtMs: number;
  readonly maxOccupants: number | undefined;
}

export type ReservationVerdict =
  | { readonly granted: true; readonly reservation: Reservation }
  | { readonly granted: false; readonly code: number; readonly text: string };

export interface ReservationClient {
  /** `reservations_api_prefix` */
  readonly apiUrl: string;
  readonly integrationSecret: string;
  readonly xmppDomain: string;
  /** Wait between tries, milliseconds (`reservations_api_retry_delay`, 3 s in Prosody). */
  readonly retryDelayMs: number;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 20_000; // reservations_api_timeout
const RETRIES = 3; // reservations_api_retry_count

/** Asks the reservation system as mod_reservations does when the room does not exist yet. */
export async function reserve(
  client: ReservationClient,
  room: string,
): Promise<ReservationVerdict> {
  const now = new Date();
  // With token authentication the owner is a random anonymous id, not the person.
  const form = new URLSearchParams({
    name: room,
    start_time: now.toISOString(),
    mail_owner: `${crypto.randomUUID()}@${client.xmppDomain}`,
  });
  let answer: BoundedAnswer;
  try {
    answer = await call(client, "/conference", { method: "POST", body: form.toString() });
    if (answer.status === 409)
      answer = await call(client, `/conference/${String(readObject(answer)["conflict_id"])}`, {
        method: "GET",
      });
  } catch (error) {
    if (error instanceof OutsideError)
      return { granted: false, code: 500, text: "Reservation lookup timed out" };
    throw error;
  }
  if (answer.status !== 200 && answer.status !== 201) {
    const { message } = readObject(answer);
    return {
      granted: false,
      code: answer.status,
      text: typeof message === "string" ? message : "Rejected by reservation server",
    };
  }
  const reservation = parseReservation(readObject(answer), room);
  if (reservation === undefined)
    return { granted: false, code: 500, text: "Invalid data returned by reservation server" };
  if (reservation.endsAtMs < now.getTime())
    return { granted: false, code: 419, text: "Reservation expired" };
  return { granted: true, reservation };
}

/** Tells the reservation system that the room is gone; the answer is ignored. */
export async function release(client: ReservationClient, id: string): Promise<void> {
  await call(client, `/conference/${id}`, { method: "DELETE" }).catch(() => undefined);
}

async function call(
  client: ReservationClient,
  path: string,
  request: Pick<BoundedRequest, "method" | "body">,
): Promise<BoundedAnswer> {
  const headers = {
    authorization: `Bearer ${client.integrationSecret}`,
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": "Prosody (sandbox)",
  };
  for (let left = RETRIES; ; left -= 1) {
    let answer: BoundedAnswer | undefined;
    try {
      answer = await boundedFetch(`${client.apiUrl}${path}`, {
        ...request,
        headers,
        timeoutMs: TIMEOUT_MS,
      });
    } catch (error) {
      // A time-out is never tried again, a broken connection is.
      const timedOut = error instanceof OutsideError && error.message.includes("in time");
      if (timedOut || left === 0) throw error;
    }
    if (answer !== undefined && (answer.status < 500 || left === 0)) return answer;
    await delay(client.retryDelayMs, undefined, { signal: client.signal });
  }
}

/** The fields that Prosody insists on; numbers in `id` come back as floats there, so only text is taken. */
function parseReservation(data: Record<string, unknown>, room: string): Reservation | undefined {
  const { id, name, mail_owner, start_time, duration, max_occupants } = data;
  const startMs = typeof start_time === "string" ? Date.parse(start_time) : Number.NaN;
  const durationS = Number(duration);
  if (
    typeof name !== "string" ||
    name.toLowerCase() !== room ||
    typeof id !== "string" ||
    typeof mail_owner !== "string"
  )
    return undefined;
  if (!Number.isFinite(durationS) || !Number.isFinite(startMs)) return undefined;
  return {
    id,
    endsAtMs: startMs + durationS * 1000,
    maxOccupants: typeof max_occupants === "number" ? max_occupants : undefined,
  };
}

function readObject(answer: BoundedAnswer): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(answer.text));
  } catch {
    return {};
  }
}
