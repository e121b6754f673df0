import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  currentUpdateInfo,
  setCurrentDetails,
  setHandler,
} from "@temporalio/workflow";
import { meetingDetails } from "./details.ts";
import {
  CHAIN_CHANGED,
  type ChainChanged,
  closeUpdate,
  extendUpdate,
  type MeetingInput,
  type MeetingState,
  meetingStateQuery,
  type OperationSettledMessage,
  operationSettledSignal,
  type Outcome,
  type OverruleCommand,
  overruleUpdate,
  roomLeftSignal,
  withdrawnSignal,
} from "./messages.ts";
import { untilDone, waitUntil } from "./patience.ts";
import { ASK_AGAIN_MS, sideSteps, steps } from "./steps.ts";

/** How long a room that cannot be ended is tried: by then Prosody has long ended what its reservation covers. */
const ROOM_PATIENCE_MS = 60 * 60_000;
const OVERRULE_TEXT_LENGTH = { by: [1, 200], reason: [10, 1_000] } as const;

/** A refusal that only this update sees. */
function refuse(type: string, message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}

/** Who may send this is for Temporal's access control to say; the API never does. */
function checkOverrule(command: OverruleCommand, isOver: boolean): void {
  if (isOver) refuse("meeting_over", "this meeting is settled or withdrawn");
  if (![1, 2, 3].includes(command.outcome))
    refuse("bad_outcome", "outcome must be 1 (held), 2 (host absent) or 3 (winner absent)");
  for (const [name, [least, most]] of Object.entries(OVERRULE_TEXT_LENGTH)) {
    const text: unknown = command[name as keyof typeof OVERRULE_TEXT_LENGTH];
    if (typeof text !== "string" || text.trim().length < least || text.length > most)
      refuse(`bad_${name}`, `${name} must be a text of ${least} to ${most} characters`);
  }
}

/**
 * One meeting: scheduled → open → closing → closed, with the host's updates `extend` and `close` while it is not closing. From
 * any of these it can become withdrawn: the chain took back the sale. Until the settlement has begun an operator can `overrule`
 * how it came out.
 */
export async function meeting(input: MeetingInput): Promise<MeetingState> {
  let endsAtMs = input.endsAtMs;
  let closedBy: string | null = null;
  let withdrawn = false;
  let settlement: OperationSettledMessage | undefined;
  let overruled: Outcome | undefined;
  /** What keeps a room from being ended. It is shown, and holds nothing up. */
  let roomProblem: string | null = null;
  let state: Omit<MeetingState, "endsAtMs"> = {
    phase: "scheduled",
    outcome: null,
    settled: false,
    problem: null,
  };

  const current = (): MeetingState => ({
    ...state,
    endsAtMs,
    problem: [state.problem, roomProblem].filter((one) => one !== null).join("; ") || null,
  });
  const set = (change: Partial<Omit<MeetingState, "endsAtMs">>): void => {
    state = { ...state, ...change };
    setCurrentDetails(meetingDetails(input, current()));
  };
  const onProblem = (problem: string | null): void => {
    if (problem !== state.problem) set({ problem });
  };
  const onRoomProblem = (problem: string | null): void => {
    if (problem === roomProblem) return;
    roomProblem = problem;
    set({});
  };
  // The clock decides, not the phase: after an outage a message sent after the end is handled before the timer is.
  const checkCommand = (by: string): void => {
    if (by !== input.host) refuse("not_the_host", "only the host of this meeting can do that");
    if (
      closedBy !== null ||
      withdrawn ||
      Date.now() >= endsAtMs ||
      state.phase === "closing" ||
      state.phase === "closed"
    )
      refuse("meeting_over", "this meeting is over");
  };

  setHandler(meetingStateQuery, current, { description: "Where this meeting stands" });
  setHandler(operationSettledSignal, (message) => {
    // What is done stays done, in whatever order its messages come.
    if (settlement?.status !== "done") settlement = message;
  });
  setHandler(withdrawnSignal, () => {
    withdrawn = true;
  });
  setHandler(
    extendUpdate,
    async (command) => {
      // The new end holds before the first await, so that two extensions at once add up.
      const moreMs = command.minutes * 60_000;
      endsAtMs += moreMs;
      set({});
      try {
        await steps.recordExtension(input.meetingId, endsAtMs);
      } catch (error) {
        // Refused for good: whoever asked is told so, and so it must not have happened.
        endsAtMs -= moreMs;
        set({});
        throw error;
      }
      return current();
    },
    {
      description: "Extend the meeting by whole minutes",
      validator: (command) => {
        checkCommand(command.by);
        if (!Number.isInteger(command.minutes) || command.minutes < 1)
          refuse("bad_minutes", "minutes must be a whole number of at least 1");
        if (endsAtMs + command.minutes * 60_000 > input.latestEndsAtMs)
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
      if (Date.now() < endsAtMs) closedBy ??= command.by;
      // Answered once the room is closed and it is decided how the meeting came out.
      await condition(() => state.outcome !== null || withdrawn);
      if (withdrawn)
        refuse("meeting_over", "this meeting is withdrawn: the chain took back the sale");
      return current();
    },
    { description: "Close the meeting now", validator: (command) => checkCommand(command.by) },
  );
  setHandler(
    overruleUpdate,
    async (command) => {
      await steps.overrule(input.meetingId, currentUpdateInfo()?.id ?? "", command);
      overruled = command.outcome;
      if (state.outcome !== null) set({ outcome: overruled });
      return current();
    },
    {
      description: "Decide how the meeting came out, before it is settled",
      validator: (command) => checkOverrule(command, withdrawn || state.settled),
    },
  );
  // Beside everything else: the money must not wait for Jitsi.
  setHandler(roomLeftSignal, async () => {
    await untilDone(
      () => sideSteps.endRooms(input.meetingId),
      onRoomProblem,
      Date.now() + ROOM_PATIENCE_MS,
    );
  });
  set({});

  const isOver = (): boolean => closedBy !== null || withdrawn;
  // The step may know before the message comes, which is lost when it came before this process.
  const unlessWithdrawn = async <T>(
    step: () => Promise<T | ChainChanged>,
  ): Promise<T | undefined> => {
    const result = await untilDone(step, onProblem);
    if (result !== CHAIN_CHANGED) return result;
    withdrawn = true;
    return undefined;
  };
  const leave = async (): Promise<MeetingState> => {
    set({ phase: "withdrawn" });
    await untilDone(() => steps.leaveWithdrawn(input.meetingId), onProblem);
    await condition(allHandlersFinished);
    return current();
  };

  if (input.remindAtMs !== undefined) {
    await waitUntil(input.remindAtMs, isOver, "until the reminder");
    if (!isOver()) await unlessWithdrawn(() => steps.remind(input.meetingId));
  }
  await waitUntil(input.opensAtMs, isOver, "until the room opens");
  if (!withdrawn) await unlessWithdrawn(() => steps.openMeeting(input.meetingId));
  if (withdrawn) return leave();
  set({ phase: "open" });
  while (!isOver() && Date.now() < endsAtMs) {
    const untilMs = endsAtMs;
    await waitUntil(untilMs, () => isOver() || endsAtMs !== untilMs, "until the meeting ends");
  }
  if (withdrawn) return leave();

  set({ phase: "closing" });
  const close = (): Promise<Outcome | undefined> =>
    unlessWithdrawn(() => steps.closeMeeting(input, closedBy));
  const outcome = await close();
  if (withdrawn || outcome === undefined) return leave();
  set({ outcome: overruled ?? outcome });
  while (settlement?.status !== "done" && !withdrawn) {
    const seen = settlement;
    onProblem(seen?.status === "refused" ? `settle: ${seen.reason}` : null);
    await waitUntil(
      Date.now() + ASK_AGAIN_MS,
      () => settlement !== seen || withdrawn,
      "waiting for the settlement on chain",
    );
    if (settlement === seen && !withdrawn) await close();
  }
  if (!withdrawn) await unlessWithdrawn(() => steps.announceSettlement(input.meetingId));
  if (withdrawn) return leave();
  set({ phase: "closed", settled: true });
  await condition(allHandlersFinished);
  return current();
}
