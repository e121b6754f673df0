import { allHandlersFinished, condition, continueAsNew, setHandler } from "@temporalio/workflow";
import { setMeetingCommands } from "./meeting-commands.ts";
import { type MeetingProgress, MeetingStory } from "./meeting-story.ts";
import {
  CHAIN_CHANGED,
  type ChainChanged,
  type MeetingInput,
  type MeetingState,
  type Outcome,
  roomLeftSignal,
} from "./messages.ts";
import { Patience, pauseMs, waitUntil } from "./patience.ts";
import { ASK_AGAIN_MS, sideSteps, steps } from "./steps.ts";

/** How long a room that cannot be ended is tried: by then Prosody has long ended what its reservation covers. */
const ROOM_PATIENCE_MS = 60 * 60_000;

export interface MeetingArguments extends MeetingInput {
  readonly progress?: MeetingProgress;
  /** For tests: continue as new after this many history events instead of when the server suggests it. */
  readonly continueAfterEvents?: number;
}

/**
 * One meeting: scheduled → open → closing → closed, with the host's updates `extend` and `close` while it is not closing. From
 * any of these it can become withdrawn: the chain took back the sale. Until the settlement has begun an operator can `overrule`
 * how it came out.
 */
export async function meeting(input: MeetingArguments): Promise<MeetingState> {
  const story = new MeetingStory(input, input.progress);
  const patience = new Patience({
    onProblem: (problem) => story.onProblem(problem),
    goOnInNewRun: () => continueAsNew<typeof meeting>({ ...input, progress: story.progress }),
    longAfterEvents: input.continueAfterEvents,
  });
  story.listen();
  setMeetingCommands(input, story, patience);
  // Beside everything else: the money must not wait for Jitsi.
  setHandler(roomLeftSignal, async () => {
    await patience.until(
      Date.now() + ROOM_PATIENCE_MS,
      () => sideSteps.endRooms(input.meetingId),
      (problem) => story.onRoomProblem(problem),
    );
  });

  // The step may know before the message comes, which is lost when it came before this process.
  const unlessWithdrawn = async <T>(
    step: () => Promise<T | ChainChanged>,
  ): Promise<T | undefined> => {
    const result = await patience.untilDone(step);
    if (result !== CHAIN_CHANGED) return result;
    story.withdrawn = true;
    return undefined;
  };
  const leave = async (): Promise<MeetingState> => {
    story.set({ phase: "withdrawn" }, "the chain took back the sale: the meeting is withdrawn");
    await patience.untilDone(() => steps.leaveWithdrawn(input.meetingId));
    story.onProblem(null);
    await condition(allHandlersFinished);
    return story.current;
  };

  // A run before this one may have come further.
  if (story.phase === "scheduled") {
    const { remindAtMs } = input;
    if (remindAtMs !== undefined) {
      await waitUntil(remindAtMs, () => story.isOver, "until the reminder");
      if (!story.isOver) await unlessWithdrawn(() => steps.remind(input.meetingId));
    }
    await waitUntil(input.opensAtMs, () => story.isOver, "until the room opens");
    if (!story.withdrawn) await unlessWithdrawn(() => steps.openMeeting(input.meetingId));
    if (story.withdrawn) return leave();
    story.onProblem(null);
    story.set({ phase: "open" }, "the room is open");
  }
  while (story.phase === "open" && !story.isOver && Date.now() < story.endsAtMs) {
    const untilMs = story.endsAtMs;
    await waitUntil(
      untilMs,
      () => story.isOver || story.endsAtMs !== untilMs,
      "until the meeting ends",
    );
  }
  if (story.withdrawn) return leave();

  story.set({ phase: "closing" }, "the meeting is over");
  const close = (): Promise<Outcome | undefined> =>
    unlessWithdrawn(() => steps.closeMeeting(input, story.closedBy));
  const outcome = await close();
  if (story.withdrawn || outcome === undefined) return leave();
  story.set({ outcome: story.overruled ?? outcome }, "the settlement is asked for");
  for (let attempt = 0; story.settlement?.status !== "done" && !story.withdrawn;) {
    const seen = story.settlement;
    const reason = seen?.reason ?? "no reason given";
    story.onProblem(
      seen?.status === "refused" ? { code: `settle:${reason}`, text: `settle: ${reason}` } : null,
    );
    const { nudges } = patience;
    const untilMs = Date.now() + pauseMs(ASK_AGAIN_MS, attempt);
    await waitUntil(
      untilMs,
      () => story.settlement !== seen || story.withdrawn || patience.nudges !== nudges,
      "waiting for the settlement on chain",
    );
    if (patience.nudges !== nudges) attempt = 0;
    else if (Date.now() >= untilMs) attempt += 1;
    if (story.settlement !== seen || story.withdrawn) continue;
    await patience.refresh();
    await close();
  }
  story.onProblem(null);
  if (!story.withdrawn) await unlessWithdrawn(() => steps.announceSettlement(input.meetingId));
  if (story.withdrawn) return leave();
  story.set({ phase: "closed", settled: true }, "settled: both are told");
  await condition(allHandlersFinished);
  return story.current;
}
