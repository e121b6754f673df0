import { z } from "zod";
import { findMeetingOfRoom, noteOccupant, roleOfUser } from "../../db/access.ts";
import { parseOccupancyEvent } from "../../jitsi/index.ts";
import type { ApiDeps } from "../context.ts";

const UserId = z.uuid();

/**
 * Notes who came and went, which later decides whether the meeting was held. Returns whether the event concerned a
 * meeting of ours; events of other rooms are no error, as a Jitsi server may serve others too.
 */
export async function recordOccupancy(deps: ApiDeps, body: unknown): Promise<boolean> {
  const event = parseOccupancyEvent(body);
  if (event === undefined || (event.kind !== "joined" && event.kind !== "left")) return false;
  const meeting = await findMeetingOfRoom(deps.db, event.room);
  if (meeting === undefined) return false;
  // The id comes out of a token we signed; anything else in its place (a recorder, say) is somebody without a role.
  const userId = UserId.safeParse(event.userId);
  const role = userId.success ? await roleOfUser(deps.db, meeting, userId.data) : null;
  await noteOccupant(deps.db, {
    meetingId: meeting.id,
    occupantId: event.occupantId,
    role,
    joinedAt: event.kind === "joined" ? event.at : null,
    leftAt: event.kind === "left" ? event.at : null,
  });
  return true;
}
