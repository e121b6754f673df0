import { condition, currentUpdateInfo, setHandler } from "@temporalio/workflow";
import {
  type CloseCommand,
  closeUpdate,
  type ExtendCommand,
  extendUpdate,
  type MeetingInput,
  overruleUpdate,
} from "./messages.ts";
import type { MeetingStory } from "./meeting-story.ts";
import { checkOperator, checkUpdateId, refuse, setCommonCommands } from "./operators.ts";
import type { Patience } from "./patience.ts";
import { steps } from "./steps.ts";

/** What the host may do with a meeting while it is not closing, and operators until it is settled. */
export function setMeetingCommands(
  input: MeetingInput,
  story: MeetingStory,
  patience: Patience,
): void {
  // The clock decides, not the phase: after an outage a message sent after the end is handled before the timer is.
  const checkCommand = (by: string | undefined): void => {
    if (by !== input.host) refuse("not_the_host", "only the host of this meeting can do that");
    const closing = story.phase === "closing" || story.phase === "closed";
    if (story.isOver || Date.now() >= story.endsAtMs || closing)
      refuse("meeting_over", "this meeting is over");
    checkUpdateId();
  };

  setHandler(
    extendUpdate,
    async (command) => {
      // The new end holds before the first await, so that two extensions at once add up.
      const moreMs = command.minutes * 60_000;
      story.endsAtMs += moreMs;
      story.set({}, `the host extended it by ${command.minutes} minutes`);
      try {
        const requestId = currentUpdateInfo()?.id ?? "";
        const recorded = await steps.recordExtension(input.meetingId, story.endsAtMs, requestId);
        // A run before this one has done it.
        if (recorded?.repeatedEndsAtMs !== undefined) {
          story.endsAtMs = Math.max(story.endsAtMs - moreMs, recorded.repeatedEndsAtMs);
          story.set({}, "this extension was made before, and is not made again");
        }
      } catch (error) {
        // Refused for good: whoever asked is told so, and so it must not have happened.
        story.endsAtMs -= moreMs;
        story.set({}, "the extension was refused");
        throw error;
      }
      return story.current;
    },
    {
      description: "Extend the meeting by whole minutes",
      validator: (command) => {
        // Sent by hand it may be anything.
        checkCommand((command as ExtendCommand | null)?.by);
        if (!Number.isInteger(command.minutes) || command.minutes < 1)
          refuse("bad_minutes", "minutes must be a whole number of at least 1");
        if (story.endsAtMs + command.minutes * 60_000 > input.latestEndsAtMs)
          refuse(
            "extension_too_long",
            `this meeting can last until ${new Date(input.latestEndsAtMs).toISOString()} at the latest`,
          );
      },
    },
  );
  setHandler(
    closeUpdate,
    async (command) => {
      // Closing early pays the host, so it must not be possible before the winner had the meeting.
      await steps.checkEarlyClose(input.meetingId);
      if (Date.now() < story.endsAtMs) story.closedBy ??= command.by;
      // Answered once the room is closed and it is decided how the meeting came out.
      await condition(() => story.current.outcome !== null || story.withdrawn);
      if (story.withdrawn)
        refuse("meeting_over", "this meeting is withdrawn: the chain took back the sale");
      return story.current;
    },
    {
      description: "Close the meeting now",
      validator: (command) => checkCommand((command as CloseCommand | null)?.by),
    },
  );
  setHandler(
    overruleUpdate,
    async (command) => {
      const { outcome } = command;
      await steps.overrule(input.meetingId, currentUpdateInfo()?.id ?? "", command);
      story.overruled = outcome;
      const decided = story.current.outcome === null ? {} : { outcome };
      story.set(decided, `an operator decided how it came out: ${outcome}`);
      return story.current;
    },
    {
      description: "Decide how the meeting came out, before it is settled",
      validator: (command) => {
        if (story.withdrawn || story.current.settled)
          refuse("meeting_over", "this meeting is settled or withdrawn");
        if (![1, 2, 3].includes(command?.outcome))
          refuse("bad_outcome", "outcome must be 1 (held), 2 (host absent) or 3 (winner absent)");
        checkOperator(command);
      },
    },
  );
  setCommonCommands(
    input,
    patience,
    () => story.current,
    ({ onChain }) => story.set({}, `an operator had the chain asked: ${onChain.state}`),
  );
}
