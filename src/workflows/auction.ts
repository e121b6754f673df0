import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from "@temporalio/workflow";
import { auctionDetails } from "./details.ts";
import { meeting } from "./meeting.ts";
import {
  type AuctionInput,
  type AuctionState,
  auctionStateQuery,
  cancelledSignal,
  extendedSignal,
  type MeetingInput,
  meetingWorkflowId,
  type OperationSettledMessage,
  operationSettledSignal,
  revertedSignal,
  TASK_QUEUES,
} from "./messages.ts";
import { untilDone, waitUntil } from "./patience.ts";
import { ASK_AGAIN_MS, steps } from "./steps.ts";

/** What a run hands to the next one when its history has grown long. */
export interface AuctionProgress {
  readonly endsAtMs: number;
  readonly cancelled: boolean;
}

export interface AuctionArguments extends AuctionInput {
  /** How long before the end the operation is asked for, so that it is waiting when its block comes. */
  readonly leadMs?: number;
  readonly progress?: AuctionProgress;
  /** For tests: continue as new after this many history events instead of when the server suggests it. */
  readonly continueAfterEvents?: number;
}

const DEFAULT_LEAD_MS = 15_000;

/**
 * One auction, from its creation on chain to the start of its meeting. It sleeps while people bid (bids do not pass
 * through it), asks for the end ahead of time, and follows what the chain answers. A failed step never closes it.
 */
export async function auction(input: AuctionArguments): Promise<AuctionState> {
  const leadMs = input.leadMs ?? DEFAULT_LEAD_MS;
  let endsAtMs = input.progress?.endsAtMs ?? input.endsAtMs;
  let cancelled = input.progress?.cancelled ?? false;
  const settled = new Map<string, OperationSettledMessage>();
  let state: Omit<AuctionState, "endsAtMs"> = {
    phase: "bidding",
    winner: null,
    amountWei: null,
    meetingId: null,
    passMinted: false,
    problem: null,
  };

  const current = (): AuctionState => ({ ...state, endsAtMs });
  const set = (change: Partial<Omit<AuctionState, "endsAtMs">>): void => {
    state = { ...state, ...change };
    setCurrentDetails(auctionDetails(input, current()));
  };
  const onProblem = (problem: string | null): void => {
    if (problem !== state.problem) set({ problem });
  };

  setHandler(auctionStateQuery, current, { description: "Where this auction stands" });
  // Handlers only take note: a failure in a signal handler would fail the auction, and the main line acts in one place.
  setHandler(extendedSignal, (message) => {
    endsAtMs = Math.max(endsAtMs, message.endsAtMs);
    set({});
  });
  setHandler(cancelledSignal, () => {
    cancelled = true;
  });
  setHandler(revertedSignal, (message) => {
    endsAtMs = message.endsAtMs;
    cancelled = message.cancelled;
    set({});
  });
  setHandler(operationSettledSignal, (message) => {
    // What is done stays done, in whatever order its messages come.
    if (settled.get(message.kind)?.status !== "done") settled.set(message.kind, message);
  });
  set({});

  for (;;) {
    while (!cancelled && Date.now() < endsAtMs - leadMs) {
      const armAtMs = endsAtMs - leadMs;
      await waitUntil(
        armAtMs,
        () => cancelled || endsAtMs - leadMs !== armAtMs || historyIsLong(input),
        "bidding is open; the end is asked for shortly before it is due",
      );
      if (historyIsLong(input)) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof auction>({ ...input, progress: { endsAtMs, cancelled } });
      }
    }
    if (cancelled) {
      await untilDone(() => steps.announceCancelled(input), onProblem);
      // The chain may have taken the cancellation back while it was announced.
      if (!cancelled) continue;
      set({ phase: "cancelled" });
      return current();
    }

    set({ phase: "ending" });
    await untilDone(() => steps.requestEnd(input, Math.floor(endsAtMs / 1000)), onProblem);
    // An extension of seconds is followed by the sender itself; one of minutes (a reorg) sends the process back to sleep.
    while (
      settled.get("end")?.status !== "done" &&
      !cancelled &&
      endsAtMs - leadMs - Date.now() <= ASK_AGAIN_MS
    ) {
      const end = settled.get("end");
      onProblem(end?.status === "refused" ? `end: ${end.reason}` : null);
      const askAgainAtMs = Math.max(endsAtMs, Date.now()) + ASK_AGAIN_MS;
      await waitUntil(
        askAgainAtMs,
        () => settled.get("end") !== end || cancelled,
        "waiting for the end on chain",
      );
      if (settled.get("end") === end && !cancelled)
        await untilDone(() => steps.requestEnd(input, Math.floor(endsAtMs / 1000)), onProblem);
    }
    if (settled.get("end")?.status === "done") break;
    set({ phase: "bidding" });
  }

  const end = settled.get("end");
  if (end?.winner === undefined || end.amountWei === undefined) {
    await untilDone(() => steps.announceUnsold(input), onProblem);
    set({ phase: "unsold" });
    return current();
  }
  const sale = { winner: end.winner, amountWei: end.amountWei };
  set({ phase: "sold", ...sale });
  const arranged = await untilDone(() => steps.arrangeMeeting(input, sale), onProblem);
  set({ meetingId: arranged.meetingId });

  while (settled.get("mint")?.status !== "done") {
    const mint = settled.get("mint");
    onProblem(mint?.status === "refused" ? `mint: ${mint.reason}` : null);
    await waitUntil(
      Date.now() + ASK_AGAIN_MS,
      () => settled.get("mint") !== mint,
      "waiting for the pass on chain",
    );
    if (settled.get("mint") === mint)
      await untilDone(() => steps.arrangeMeeting(input, sale), onProblem);
  }
  onProblem(null);
  await startMeeting(arranged);
  set({ phase: "meeting", passMinted: true });
  await condition(allHandlersFinished);
  return current();
}

/** Starts the process of the meeting, once for ever: one that is there already (an operator reset this auction) is enough. */
async function startMeeting(input: MeetingInput): Promise<void> {
  try {
    await startChild(meeting, {
      workflowId: meetingWorkflowId(input.meetingId),
      taskQueue: TASK_QUEUES.auction,
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      staticSummary: `Meeting of auction ${input.auctionId}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function historyIsLong(input: AuctionArguments): boolean {
  const info = workflowInfo();
  return (
    info.continueAsNewSuggested ||
    (input.continueAfterEvents !== undefined && info.historyLength >= input.continueAfterEvents)
  );
}
