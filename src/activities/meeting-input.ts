import type { Meeting } from "../db/meetings.ts";
import type { MeetingInput } from "../domain/process.ts";

export interface MeetingTimes {
  /** MEETING_OPENS_BEFORE_S */
  readonly opensBeforeS: number;
  /** MEETING_REMINDER_BEFORE_S */
  readonly reminderBeforeS: number;
}

/** What the process of a meeting begins with, that is made at `nowMs`. */
export function meetingInputOf(
  meeting: Meeting,
  { opensBeforeS, reminderBeforeS }: MeetingTimes,
  nowMs: number,
): MeetingInput {
  const startsAtMs = meeting.startsAt.getTime();
  const opensAtMs = startsAtMs - opensBeforeS * 1000;
  const remindAtMs = startsAtMs - reminderBeforeS * 1000;
  // A reminder that would come with or after the opening, or at once, only repeats it.
  const remind = remindAtMs < opensAtMs && remindAtMs > nowMs;
  return {
    chainId: meeting.chainId,
    contract: meeting.contract,
    auctionId: meeting.auctionId,
    meetingId: meeting.id,
    host: meeting.host,
    winner: meeting.winner,
    startsAtMs,
    endsAtMs: meeting.endsAt.getTime(),
    latestEndsAtMs: meeting.latestEndsAt.getTime(),
    opensAtMs,
    ...(remind ? { remindAtMs } : {}),
  };
}
