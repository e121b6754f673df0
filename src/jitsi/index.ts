import type { OccupancyEvent, RoomTokens, RoomTokensOptions } from "./types.ts";

export type * from "./types.ts";

/** A fresh room name: unguessable and without meaning. */
export function createRoomName(): string {
  throw new Error("not built yet");
}
export function createRoomTokens(_options: RoomTokensOptions): RoomTokens {
  throw new Error("not built yet");
}
/** @throws AppError refuse 400 */
export function parseReservationRequest(_form: unknown): ReservationRequest {
  throw new Error("not built yet");
}
/** The body of a 200 answer to a reservation. */
export function reservationAnswer(_input: ReservationAnswerInput): ReservationAnswer {
  throw new Error("not built yet");
}
/** An event of event_sync or a JaaS webhook; undefined for kinds that do not concern us. @throws AppError refuse 400 */
export function parseOccupancyEvent(_body: unknown): OccupancyEvent | undefined {
  throw new Error("not built yet");
}

export interface ReservationRequest {
  /** Room name, lower-case. */
  readonly room: string;
  /** As Prosody wrote it: the answer must repeat it. */
  readonly name: string;
  readonly mailOwner: string;
  readonly startTime: Date;
}
export interface ReservationAnswerInput {
  /** A string that is not a number: Prosody turns integers into floats. */
  readonly id: string;
  readonly request: ReservationRequest;
  readonly startsAt: Date;
  /** Seconds from `startsAt`; read once by Prosody, so give the latest end there can be. */
  readonly durationS: number;
  readonly maxOccupants?: number;
}
export interface ReservationAnswer {
  readonly id: string;
  readonly name: string;
  readonly mail_owner: string;
  readonly start_time: string;
  readonly duration: number;
  readonly max_occupants?: number;
}
