import { z } from "zod";
import { findMeeting } from "../../db/access.ts";
import { knownRole, meetingNotFound, opensAt } from "../meetings/rights.ts";
import { route } from "../route.ts";
import { MeetingParams } from "../schema.ts";
import { serviceDomain } from "../service-domain.ts";
import { calendarFile } from "./ics.ts";

const ALARM_BEFORE_MINUTES = 15;

/** When a UUID of version 7 was made, which its first 48 bits tell. */
function madeAt(id: string): Date {
  return new Date(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16));
}

export const calendarRoutes = [
  route({
    method: "GET",
    path: "/api/meetings/{id}/calendar",
    operationId: "getMeetingCalendar",
    tag: "meetings",
    summary: "The meeting as a calendar file (iCalendar)",
    description:
      "Read it again after `meeting-extended`: it has the same UID and a greater SEQUENCE, so calendars change the entry they have. Nothing in it opens the room.",
    policy: "user",
    params: MeetingParams,
    mediaType: "text/calendar",
    responses: { 200: z.string().max(16_384) },
    problems: [404],
    handler: async ({ params, user }, deps) => {
      const meeting = await findMeeting(deps.db, params.id);
      const role = meeting === undefined ? undefined : knownRole(meeting, user.wallets);
      if (meeting === undefined || role === undefined) throw meetingNotFound();
      const title = meeting.title ?? `Auction ${meeting.auctionId}`;
      const domain = serviceDomain(deps.config);
      const opens = opensAt(deps, meeting).toISOString();
      return {
        status: 200,
        body: calendarFile({
          uid: `${meeting.id}@${domain}`,
          sequence: meeting.version,
          createdAt: madeAt(meeting.id),
          startsAt: meeting.startsAt,
          endsAt: meeting.endsAt,
          summary: title,
          description: `You are the ${role === "host" ? "host" : "guest"} of “${title}”. The room can be entered from ${opens} on, by ${domain}.`,
          isCancelled: meeting.state === "withdrawn",
          alarmBeforeMinutes: ALARM_BEFORE_MINUTES,
        }),
        headers: { "Content-Disposition": `attachment; filename="meeting-${meeting.id}.ics"` },
      };
    },
  }),
];
