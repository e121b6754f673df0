import { crashPoint } from "../crash.ts";
import type { Database, Queryable } from "../db/database.ts";
import { getMeeting, type Meeting } from "../db/meetings.ts";
import { enqueue } from "../db/outbox.ts";
import { endSessions, leaveRoom, markRoomEnded, roomsToEnd } from "../db/sessions.ts";
import { meetingWorkflowId } from "../domain/process.ts";
import { messageOf } from "../errors.ts";
import type { RoomTokens } from "../jitsi/index.ts";
import type { Logger } from "../logging.ts";

export interface RoomActivityOptions {
  readonly db: Database;
  readonly rooms: RoomTokens;
  readonly logger: Logger;
}

/** The part of a meeting's activities that speaks to Jitsi. Nothing about money waits for it. */
export function createRoomActivities({ db, rooms, logger }: RoomActivityOptions) {
  async function endRoom(meetingId: string, roomName: string): Promise<void> {
    const result = await rooms.endRoom(roomName);
    if (!result.ended)
      logger.info(
        "the room was not ended from here: Jitsi offers no way, or JITSI_ADMIN_URL is not set",
        {
          meetingId,
        },
      );
  }

  /** Has the meeting's process end the room beside whatever else it does. */
  async function endRoomLater(tx: Queryable, meeting: Meeting): Promise<void> {
    await leaveRoom(tx, meeting);
    await enqueue(tx, [
      {
        kind: "signal",
        workflowId: meetingWorkflowId(meeting.id),
        payload: { signal: "roomLeft", args: [{}] },
      },
    ]);
  }

  return {
    /** Ends the room, now or beside whatever comes next; what keeps it open is told to operators. */
    async endRoomOrLater(meeting: Meeting): Promise<void> {
      try {
        await endRoom(meeting.id, meeting.roomName);
      } catch (error) {
        logger.error("the room of a meeting that is over could not be ended; it is tried again", {
          meetingId: meeting.id,
          problem: messageOf(error),
        });
        await db.transaction((tx) => endRoomLater(tx, meeting));
      }
    },

    activities: {
      /** The chain took back the sale: whoever is in the room has to leave it. The rest was done when the chain said so. */
      async leaveWithdrawn(meetingId: string): Promise<void> {
        const meeting = await getMeeting(db, meetingId);
        await endSessions(db, meetingId);
        await endRoom(meetingId, meeting.roomName);
        crashPoint("meeting.room-ended");
      },

      /**
       * Ends the rooms that nobody may be in any more. One that fails does not keep the others open.
       * @throws AppError of Jitsi's client, the last one
       */
      async endRooms(meetingId: string): Promise<void> {
        let problem: unknown;
        for (const roomName of await roomsToEnd(db, meetingId)) {
          try {
            await endRoom(meetingId, roomName);
            await markRoomEnded(db, roomName);
          } catch (error) {
            problem = error;
          }
        }
        if (problem !== undefined) throw problem;
      },
    },
  };
}
