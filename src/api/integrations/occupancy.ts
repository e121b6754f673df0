import { z } from "zod";
import {
  findMeetingOfAnyRoom,
  type MeetingRole,
  type MeetingRow,
  roleOfUser,
} from "../../db/access.ts";
import { noteOccupant, noteRoomEnd, overstayingOccupants } from "../../db/attendance.ts";
import type { Queryable } from "../../db/database.ts";
import { findSession } from "../../db/sessions.ts";
import { type OccupancyEvent, parseOccupancyEvents } from "../../jitsi/index.ts";
import type { ApiDeps } from "../context.ts";

const TokenUserId = z.uuid();

/**
 * Notes who came and went, which later decides whether the meeting was held, and sends out whoever has been replaced since.
 * Returns whether the event concerned a meeting of ours; events of other rooms are no error, as a Jitsi server may serve
 * others too.
 * @throws AppError refuse 400 `occupancy_event_malformed`; retry `jitsi_unavailable` when somebody is still to be sent out:
 *   whoever reports repeats it then
 */
export async function recordOccupancy(deps: ApiDeps, body: unknown): Promise<boolean> {
  const events = parseOccupancyEvents(body).filter((event) => event.kind !== "created");
  const [firstEvent] = events;
  if (firstEvent === undefined) return false;
  const meeting = await findMeetingOfAnyRoom(deps.db, firstEvent.room);
  if (meeting === undefined) return false;
  // The end of a room tells of everybody who ever was in it, with the same few names again and again.
  const people = new Map<string | undefined, Who>();
  for (const { userId } of events)
    if (!people.has(userId)) people.set(userId, await whoIs(deps, meeting, userId));
  await deps.db.transaction(async (tx) => {
    for (const event of events)
      if (event.kind === "destroyed")
        await noteRoomEnd(tx, { meetingId: meeting.id, roomName: event.room, at: event.at });
      else await noteStay(tx, meeting, event, people.get(event.userId) ?? NOBODY);
  });
  if (events.at(-1)?.kind === "joined") await sendOutReplaced(deps, meeting);
  return true;
}

interface Who {
  readonly role: MeetingRole | null;
  readonly sessionId: string | null;
}

const NOBODY: Who = { role: null, sessionId: null };

async function noteStay(
  tx: Queryable,
  meeting: MeetingRow,
  event: OccupancyEvent,
  { role, sessionId }: Who,
): Promise<void> {
  await noteOccupant(tx, {
    meetingId: meeting.id,
    occupantId: event.occupantId,
    roomName: event.room,
    ...(event.breakout === undefined ? {} : { breakout: event.breakout }),
    role,
    sessionId,
    joinedAt: event.kind === "joined" ? event.at : null,
    leftAt: event.kind === "left" ? event.at : null,
  });
}

/** The id comes out of a token we signed; anything else in its place (a recorder, say) is somebody without a role. */
async function whoIs(
  deps: ApiDeps,
  meeting: MeetingRow,
  tokenUserId: string | undefined,
): Promise<Who> {
  const id = TokenUserId.safeParse(tokenUserId);
  if (!id.success) return NOBODY;
  const session = await findSession(deps.db, meeting.id, id.data);
  if (session !== undefined) return { role: session.role, sessionId: session.id };
  // Tokens of before sessions were kept name the person.
  return { role: await roleOfUser(deps.db, meeting, id.data), sessionId: null };
}

/** The newer session of a role is there, or an older one came back: the older has to go, where Jitsi can be told. */
async function sendOutReplaced(deps: ApiDeps, meeting: MeetingRow): Promise<void> {
  for (const occupantId of await overstayingOccupants(deps.db, meeting.id)) {
    const result = await deps.jitsi.kick(meeting.roomName, occupantId);
    deps.logger.info("an occupant whose session is over was sent out", {
      meetingId: meeting.id,
      ...result,
    });
  }
}
