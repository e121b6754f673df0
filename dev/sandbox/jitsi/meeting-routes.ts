import { z } from "zod";
import type { Route, SandboxAnswer, SandboxRequest } from "../http.ts";
import { roomPage } from "./page.ts";
import { roomProblem, verifyToken } from "./prosody-token.ts";
import type { TokenRules } from "./prosody-token.ts";
import { reserve } from "./reservations.ts";
import type { ReservationClient } from "./reservations.ts";
import type { Refusals } from "./refusals.ts";
import type { Rooms } from "./rooms.ts";

export interface Context {
  readonly rules: TokenRules;
  /** What opens the endpoints of backends: with a key server of their own, login tokens do not. */
  readonly adminRules: TokenRules;
  /** mod_muc_kick_participant is loaded only with a key server of its own. */
  readonly canKick: boolean;
  readonly rooms: Rooms;
  readonly refusals: Refusals;
  /** Undefined while no backend is known: then any room may be made. */
  readonly reservations: () => ReservationClient | undefined;
}

const joinBody = z.object({
  room: z.string().min(1),
  token: z.string().optional(),
  name: z.string().optional(),
});
const leaveBody = z.object({ room: z.string().min(1), occupantId: z.string().min(1) });

/** What clients and backends do with meetings: join, leave, end, look. */
export function meetingRoutes(context: Context): Route[] {
  const { rooms, rules } = context;
  return [
    { method: "POST", path: "/__sandbox/join", handle: (request) => join(context, request) },
    {
      method: "POST",
      path: "/__sandbox/leave",
      handle: (request) => {
        const { room, occupantId } = leaveBody.parse(JSON.parse(request.text));
        return rooms.leave(room.toLowerCase(), occupantId)
          ? { status: 204 }
          : refusal(404, "item-not-found", "there is no such occupant");
      },
    },
    {
      method: "GET",
      path: "/__sandbox/rooms",
      handle: () => ({ status: 200, body: rooms.list() }),
    },
    { method: "POST", path: "/end-meeting", handle: (request) => endMeeting(context, request) },
    ...(context.canKick
      ? [
          {
            method: "PUT",
            path: "/kick-participant",
            handle: (request: SandboxRequest) => kick(context, request),
          },
        ]
      : []),
    {
      method: "GET",
      path: "/:room",
      handle: (request) => ({
        status: 200,
        html: roomPage(rules, request.params["room"] ?? "", request.query.get("jwt") ?? ""),
      }),
    },
  ];
}

/** What happens between opening the page and being in the room: SASL, the reservation, the MUC. */
async function join(context: Context, request: SandboxRequest): Promise<SandboxAnswer> {
  const { rules, rooms } = context;
  const body = joinBody.parse(JSON.parse(request.text));
  // XMPP folds the case of room names (nodeprep).
  const room = body.room.toLowerCase();
  const verdict = verifyToken(rules, body.token);
  if (!verdict.accepted) return refusal(401, "not-allowed", verdict.text);
  const problem = roomProblem(rules, verdict.claims, room);
  if (!rooms.has(room)) {
    const client = context.reservations();
    const answer =
      client === undefined
        ? undefined
        : (context.refusals.of(room) ?? (await reserve(client, room)));
    if (answer?.granted === false) {
      context.refusals.remember(room, answer);
      return {
        status: 403,
        body: {
          error: "service-unavailable",
          text: answer.text,
          reservationErrorCode: answer.code,
        },
      };
    }
    // mod_token_verification looks when the room is made and at every join.
    if (problem !== undefined) return refusal(403, "not-allowed", problem);
    if (!rooms.has(room)) rooms.create(room, answer?.reservation);
  }
  if (problem !== undefined) return refusal(403, "not-allowed", problem);
  const name = verdict.user.name ?? body.name;
  const occupant = rooms.join(room, { ...verdict.user, ...(name === undefined ? {} : { name }) });
  if (occupant === undefined) return refusal(403, "service-unavailable", "the room is full");
  return {
    status: 200,
    body: { occupantId: occupant.occupantId, affiliation: verdict.user.affiliation },
  };
}

/** mod_muc_end_meeting: any valid token ends any room. */
function endMeeting(context: Context, request: SandboxRequest): SandboxAnswer {
  const conference = request.query.get("conference");
  if (conference === null) return { status: 400 };
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (!verifyToken(context.adminRules, token).accepted) return { status: 401 };
  const at = conference.lastIndexOf("@");
  if (conference.slice(at + 1) !== `conference.${context.rules.xmppDomain}`) return { status: 404 };
  return context.rooms.destroy(conference.slice(0, at).toLowerCase())
    ? { status: 200 }
    : { status: 404 };
}

const kickBody = z.xor([
  z.object({ participantId: z.string() }).transform((one) => one.participantId),
  // Telephones are not pretended.
  z.object({ number: z.string() }).transform(() => undefined),
]);

/**
 * mod_muc_kick_participant, with its slip: what fails the check of token or room is answered by a table that names no
 * `status_code`, and so by 200.
 */
function kick(context: Context, request: SandboxRequest): SandboxAnswer {
  if (request.headers["content-type"] !== "application/json" || request.text === "")
    return { status: 400 };
  const body = kickBody.safeParse(JSON.parse(request.text));
  if (!body.success) return { status: 400 };
  const room = request.query.get("room");
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const accepted = verifyToken(context.adminRules, token).accepted;
  if (room === null || !accepted || !context.rooms.has(room.toLowerCase())) return { status: 200 };
  const participantId = body.data;
  return participantId !== undefined && context.rooms.kick(room.toLowerCase(), participantId)
    ? { status: 200 }
    : { status: 404 };
}

function refusal(status: number, error: string, text: string): SandboxAnswer {
  return { status, body: { error, text } };
}
