export { parseOccupancyEvents } from "./occupancy.ts";
export { parseReservationRequest, reservationAnswer, reservationForm } from "./reservations.ts";
export { createRoomName } from "./room-name.ts";
export { createRoomTokens } from "./room-tokens.ts";
export type * from "./types.ts";
