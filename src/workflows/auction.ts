import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  ParentClosePolicy,
  patched,
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
  CHAIN_CHANGED,
  type ChainChanged,
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
  // The block in which the auction was seen to be cancelled; undefined while it is not.
  let cancelledAt: number | undefined = input.progress?.cancelled === true ? 0 : undefined;
  const settled = new Map<string, OperationSettledMessage>();
  // What the chain said, and what of it a reorg took back: counted, so that nothing is waited for that was said meanwhile.
  let news = 0;
  let reverts = 0;
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
  /**
   * A step found that the chain says something else than the process was told. Whoever told it will tell anew; asking
   * again at once would only bring the same answer. A process that may sleep goes to sleep instead.
   */
  const untilNews = async (seen: number): Promise<void> => {
    if (Date.now() < endsAtMs - leadMs) return;
    await waitUntil(
      Date.now() + ASK_AGAIN_MS,
      () => news !== seen,
      "the chain changed its mind: waiting for what it says now",
    );
  };
  /**
   * The count of reverts to wait for a change of, when something was asked for at the count `asked`: one that came while it was
   * being asked for may have taken back what was told since, and nobody tells that again unasked.
   */
  const sinceAsked = (asked: number): number =>
    reverts !== asked && patched("reverts-while-asking") ? asked : reverts;
  const isCancelled = (): boolean => cancelledAt !== undefined;

  setHandler(auctionStateQuery, current, { description: "Where this auction stands" });
  // Handlers only take note: a failure in a signal handler would fail the auction, and the main line acts in one place.
  setHandler(extendedSignal, (message) => {
    endsAtMs = Math.max(endsAtMs, message.endsAtMs);
    set({});
  });
  setHandler(cancelledSignal, ({ blockNumber }) => {
    cancelledAt = blockNumber;
    news += 1;
  });
  setHandler(revertedSignal, (message) => {
    endsAtMs = message.endsAtMs;
    cancelledAt = message.cancelled ? message.blockNumber : undefined;
    if (message.undone !== undefined) {
      for (const kind of message.undone) settled.delete(kind);
      // A refusal of another fork is no verdict either.
      for (const [kind, { status }] of settled) if (status === "refused") settled.delete(kind);
      reverts += 1;
      news += 1;
    }
    set({});
  });
  setHandler(operationSettledSignal, (message) => {
    // What is done stays done, in whatever order its messages come.
    if (settled.get(message.kind)?.status !== "done") settled.set(message.kind, message);
    news += 1;
    // The contract says so itself, deep enough: the indexer's word has not come or was lost with a change of settings.
    if (message.status === "refused" && message.reason === "cancelled" && patched("end-cancelled"))
      cancelledAt ??= message.blockNumber ?? 0;
  });
  set({});

  for (;;) {
    while (!isCancelled() && Date.now() < endsAtMs - leadMs) {
      const armAtMs = endsAtMs - leadMs;
      await waitUntil(
        armAtMs,
        () => isCancelled() || endsAtMs - leadMs !== armAtMs || historyIsLong(input),
        "bidding is open; the end is asked for shortly before it is due",
      );
      if (historyIsLong(input)) {
        await condition(allHandlersFinished);
        const progress = { endsAtMs, cancelled: isCancelled() };
        await continueAsNew<typeof auction>({ ...input, progress });
      }
    }
    if (cancelledAt !== undefined) {
      const blockNumber = cancelledAt;
      const seen = news;
      const told = await untilDone(() => steps.announceCancelled(input, blockNumber), onProblem);
      if (told === CHAIN_CHANGED && cancelledAt === blockNumber) {
        cancelledAt = undefined;
        settled.delete("end");
        await untilNews(seen);
      }
      // The chain may have taken the cancellation back while it was announced.
      if (!isCancelled()) continue;
      set({ phase: "cancelled" });
      return current();
    }

    set({ phase: "ending" });
    let asked = reverts;
    await untilDone(() => steps.requestEnd(input, Math.floor(endsAtMs / 1000)), onProblem);
    // An extension of seconds is followed by the sender itself; one of minutes (a reorg) sends the process back to sleep.
    while (
      settled.get("end")?.status !== "done" &&
      !isCancelled() &&
      endsAtMs - leadMs - Date.now() <= ASK_AGAIN_MS
    ) {
      const end = settled.get("end");
      // A reorg dropped the creation, and it has not come back under this id. If it does, the indexer starts a process again.
      if (end?.reason === "unknown_auction" && patched("auction-gone")) {
        set({ phase: "gone", problem: null });
        return current();
      }
      const seen = sinceAsked(asked);
      onProblem(end?.status === "refused" ? `end: ${end.reason}` : null);
      const askAgainAtMs = Math.max(endsAtMs, Date.now()) + ASK_AGAIN_MS;
      await waitUntil(
        askAgainAtMs,
        () => settled.get("end") !== end || isCancelled() || reverts !== seen,
        "waiting for the end on chain",
      );
      if (isCancelled()) break;
      // What was forgotten with the reorg may be true again: whoever is asked anew tells it anew.
      if (settled.get("end") === end || reverts !== seen) {
        asked = reverts;
        await untilDone(() => steps.requestEnd(input, Math.floor(endsAtMs / 1000)), onProblem);
      }
    }
    const end = settled.get("end");
    if (end?.status !== "done") {
      set({ phase: "bidding" });
      continue;
    }
    const stands = (): boolean => settled.get("end") === end;
    const lookAgain = async (seen: number): Promise<void> => {
      const known = stands();
      if (known) settled.delete("end");
      set({ phase: "bidding", winner: null, amountWei: null, meetingId: null });
      if (known) await untilNews(seen);
    };

    let seen = news;
    if (end.winner === undefined || end.amountWei === undefined) {
      const told = await untilDone(() => steps.announceUnsold(input, end.blockNumber), onProblem);
      if (told === CHAIN_CHANGED || !stands()) {
        await lookAgain(seen);
        continue;
      }
      set({ phase: "unsold" });
      return current();
    }
    const sale = {
      winner: end.winner,
      amountWei: end.amountWei,
      ...(end.blockNumber === undefined ? {} : { blockNumber: end.blockNumber }),
    };
    set({ phase: "sold", winner: end.winner, amountWei: end.amountWei });
    const arrange = (): Promise<MeetingInput | ChainChanged> =>
      untilDone(() => steps.arrangeMeeting(input, sale), onProblem);
    let askedMint = reverts;
    let arranged = await arrange();
    if (arranged !== CHAIN_CHANGED) set({ meetingId: arranged.meetingId });

    while (arranged !== CHAIN_CHANGED && stands() && settled.get("mint")?.status !== "done") {
      const mint = settled.get("mint");
      const revertsSeen = sinceAsked(askedMint);
      onProblem(mint?.status === "refused" ? `mint: ${mint.reason}` : null);
      await waitUntil(
        Date.now() + ASK_AGAIN_MS,
        () => settled.get("mint") !== mint || reverts !== revertsSeen,
        "waiting for the pass on chain",
      );
      seen = news;
      if (!stands()) break;
      if (settled.get("mint") === mint || reverts !== revertsSeen) {
        askedMint = reverts;
        arranged = await arrange();
      }
    }
    onProblem(null);
    if (arranged === CHAIN_CHANGED || !stands()) {
      await lookAgain(seen);
      continue;
    }
    await startMeeting(arranged);
    if (!stands()) {
      await lookAgain(seen);
      continue;
    }
    set({ phase: "meeting", passMinted: true });
    await condition(allHandlersFinished);
    return current();
  }
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
