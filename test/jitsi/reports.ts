// What Jitsi reports of a meeting, and the steps of the meeting's process that judge by it.
import {
  createMeetingActivities,
  type MeetingActivityOptions,
} from "../../src/activities/meeting.ts";
import type { Outcome } from "../../src/domain/process.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import { AUCTION_CONTRACT, CHAIN_ID, JITSI_SECRET, type TestApi } from "../support/api.ts";
import { testLogger } from "../support/logs.ts";

/** Sends events as event_sync does. @throws when one is not taken */
export async function report(api: TestApi, ...events: readonly object[]): Promise<void> {
  for (const json of events) {
    const { status, text } = await api.request("/api/integrations/jitsi/events", {
      token: JITSI_SECRET,
      json,
    });
    if (status !== 200) throw new Error(`the report was not taken: ${status} ${text}`);
  }
}

/** A coming or going of a connection to a room; `sessionId` is what its token calls its bearer. */
export function sighting(
  kind: "joined" | "left",
  at: { readonly room: string; readonly sessionId: string },
  jid: string,
  atS: number,
): object {
  return {
    event_name: `muc-occupant-${kind}`,
    room_name: at.room,
    room_jid: `${at.room}@conference.meet.example.org`,
    is_breakout: false,
    occupant: { occupant_jid: jid, id: at.sessionId, [`${kind}_at`]: atS },
  };
}

/** As if everybody had been let in then. */
export async function grantedAt(api: TestApi, meetingId: string, at: Date): Promise<void> {
  await api.db.query("UPDATE meeting_sessions SET granted_at = $2 WHERE meeting_id = $1", [
    meetingId,
    at,
  ]);
}

/** The steps of a meeting's process, with a Jitsi that rooms are not ended at unless one is given. */
export function meetingSteps(api: TestApi, more: Partial<MeetingActivityOptions> = {}) {
  const rooms = createRoomTokens({
    domain: "meet.example.org",
    appId: "meeting-auction",
    secret: "the-room-token-secret-of-the-tests!!",
  });
  return createMeetingActivities({ db: api.db, rooms, logger: testLogger(), ...more });
}

/** Closes a meeting at its end: how it came out. */
export async function outcomeOf(
  api: TestApi,
  { auctionId, meetingId }: { readonly auctionId: string; readonly meetingId: string },
): Promise<Outcome | undefined> {
  const input = { chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId, meetingId };
  const outcome = await meetingSteps(api).closeMeeting(input as never, null);
  return outcome === "chain-changed" ? undefined : outcome;
}
