import { findMeeting, findMeetingOfRoom, type MeetingRow } from "../../db/access.ts";
import { refused } from "../../errors.ts";
import { parseReservationRequest, reservationAnswer } from "../../jitsi/index.ts";
import { closedDoor, opensAt } from "../meetings/rights.ts";
import type { ApiDeps } from "../context.ts";
import { route } from "../route.ts";
import { NoBody } from "../schema.ts";
import { recordOccupancy } from "./occupancy.ts";
import {
  ConferenceParams,
  OccupancyAnswer,
  OccupancyBody,
  OccupantEventParams,
  Reservation,
  ReservationForm,
  ReservationRefusal,
  RoomEventParams,
} from "./schema.ts";

function reservationOf(
  deps: ApiDeps,
  meeting: MeetingRow,
  request: Parameters<typeof reservationAnswer>[0]["request"],
) {
  const startsAt = opensAt(deps, meeting);
  // Prosody reads the duration once, so it is that of the longest extension; the workflow ends the room on time.
  const durationS = Math.ceil((meeting.latestEndsAt.getTime() - startsAt.getTime()) / 1_000);
  return reservationAnswer({
    id: meeting.id,
    request,
    startsAt,
    durationS,
  });
}

const recordOccupancyReply = async (deps: ApiDeps, body: unknown) =>
  ({ status: 200, body: { recorded: await recordOccupancy(deps, body) } }) as const;

export const integrationRoutes = [
  route({
    method: "POST",
    path: "/conference",
    operationId: "reserveRoom",
    tag: "jitsi",
    summary: "May this room be opened now? Asked by Prosody (mod_reservations)",
    policy: "jitsi",
    body: ReservationForm,
    bodyTypes: "json-or-form",
    responses: { 200: Reservation, 403: ReservationRefusal },
    handler: async ({ body }, deps) => {
      const request = parseReservationRequest(body);
      const meeting = await findMeetingOfRoom(deps.db, request.room);
      if (meeting === undefined)
        return {
          status: 403,
          body: { code: "room_unknown", message: "There is no meeting in this room." },
        };
      const closed = closedDoor(deps, meeting, new Date());
      if (closed !== undefined)
        return { status: 403, body: { code: closed.code, message: closed.message } };
      return { status: 200, body: reservationOf(deps, meeting, request) };
    },
  }),
  route({
    method: "GET",
    path: "/conference/{id}",
    operationId: "getReservation",
    tag: "jitsi",
    summary: "A reservation, by the id given for it",
    policy: "jitsi",
    params: ConferenceParams,
    responses: { 200: Reservation },
    problems: [404],
    handler: async ({ params }, deps) => {
      const meeting = await findMeeting(deps.db, params.id);
      if (meeting === undefined)
        throw refused("reservation_not_found", "there is no such reservation", 404);
      return {
        status: 200,
        body: reservationOf(deps, meeting, {
          room: meeting.roomName,
          name: meeting.roomName,
          mailOwner: "",
          startTime: meeting.startsAt,
        }),
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/conference/{id}",
    operationId: "releaseReservation",
    tag: "jitsi",
    summary: "The room is empty and gone; whoever comes back reserves it anew",
    policy: "jitsi",
    params: ConferenceParams,
    responses: { 204: NoBody },
    // Nothing is kept per reservation: the meeting itself is the reservation, and it goes on until its end.
    handler: async () => ({ status: 204, body: undefined }),
  }),
  route({
    method: "POST",
    path: "/api/integrations/jitsi/events",
    operationId: "reportOccupancy",
    tag: "jitsi",
    summary: "Who came and went: event_sync_component or JaaS webhooks",
    policy: "jitsi",
    body: OccupancyBody,
    hasLongBody: true,
    responses: { 200: OccupancyAnswer },
    handler: ({ body }, deps) => recordOccupancyReply(deps, body),
  }),
  // event_sync_component appends these to its prefix by itself; the body says the same again.
  route({
    method: "POST",
    path: "/api/integrations/jitsi/events/room/{what}",
    operationId: "reportRoomEvent",
    tag: "jitsi",
    summary: "The same, as event_sync_component addresses it",
    policy: "jitsi",
    params: RoomEventParams,
    body: OccupancyBody,
    hasLongBody: true,
    responses: { 200: OccupancyAnswer },
    handler: ({ body }, deps) => recordOccupancyReply(deps, body),
  }),
  route({
    method: "POST",
    path: "/api/integrations/jitsi/events/occupant/{what}",
    operationId: "reportOccupantEvent",
    tag: "jitsi",
    summary: "The same, as event_sync_component addresses it",
    policy: "jitsi",
    params: OccupantEventParams,
    body: OccupancyBody,
    hasLongBody: true,
    responses: { 200: OccupancyAnswer },
    handler: ({ body }, deps) => recordOccupancyReply(deps, body),
  }),
];
