import { z } from "zod";
import {
  findMeetingOfAnyRoom,
  type MeetingRole,
  type MeetingRow,
  roleOfUser,
} from "../../db/access.ts";
import { noteOccupant, noteRoomEnd, overstayingOccupants } from "../../db/attendance.ts";
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
  let meeting: MeetingRow | undefined;
  const events = parseOccupancyEvents(body);
  for (const event of events) {
    if (event.kind === "created") continue;
    if (event.room !== meeting?.roomName) meeting = await findMeetingOfAnyRoom(deps.db, event.room);
    if (meeting === undefined) return false;
    if (event.kind === "destroyed")
      await noteRoomEnd(deps.db, { meetingId: meeting.id, roomName: event.room, at: event.at });
    else await noteStay(deps, meeting, event);
  }
  if (meeting !== undefined && events.at(-1)?.kind === "joined")
    await sendOutReplaced(deps, meeting);
  return meeting !== undefined;
}

async function noteStay(deps: ApiDeps, meeting: MeetingRow, event: OccupancyEvent): Promise<void> {
  const { role, sessionId } = await whoIs(deps, meeting, event.userId);
  await noteOccupant(deps.db, {
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
): Promise<{ readonly role: MeetingRole | null; readonly sessionId: string | null }> {
  const id = TokenUserId.safeParse(tokenUserId);
  if (!id.success) return { role: null, sessionId: null };
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
