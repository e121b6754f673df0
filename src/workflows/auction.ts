import { WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import {
  allHandlersFinished,
  condition,
  continueAsNew,
  ParentClosePolicy,
  patched,
  startChild,
  WorkflowIdReusePolicy,
} from "@temporalio/workflow";
import { setAuctionCommands } from "./auction-commands.ts";
import { type AuctionProgress, AuctionStory } from "./auction-story.ts";
import { meeting } from "./meeting.ts";
import {
  type AuctionInput,
  type AuctionState,
  CHAIN_CHANGED,
  type ChainChanged,
  type MeetingInput,
  meetingWorkflowId,
  type OperationKind,
  type OperationSettledMessage,
  TASK_QUEUES,
} from "./messages.ts";
import { Patience, pauseMs, waitUntil } from "./patience.ts";
import { attributesOf } from "./search-attributes.ts";
import { ASK_AGAIN_MS, steps } from "./steps.ts";

export type { AuctionProgress };

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
  const story = new AuctionStory(input, input.progress);
  const goOnInNewRun = (): Promise<never> =>
    continueAsNew<typeof auction>({ ...input, progress: story.progress });
  const patience = new Patience({
    onProblem: (problem) => story.onProblem(problem),
    goOnInNewRun,
    longAfterEvents: input.continueAfterEvents,
  });
  const untilDone = <T>(step: () => Promise<T>): Promise<T> => patience.untilDone(step);
  /**
   * A step found that the chain says something else than the process was told. Whoever told it will tell anew; asking
   * again at once would only bring the same answer. A process that may sleep goes to sleep instead.
   */
  const untilNews = async (seen: number): Promise<void> => {
    if (Date.now() < story.endsAtMs - leadMs) return;
    const nudges = patience.nudges;
    await waitUntil(
      Date.now() + ASK_AGAIN_MS,
      () => story.news !== seen || patience.nudges !== nudges,
      "the chain changed its mind: waiting for what it says now",
    );
  };
  /**
   * The count of reverts to wait for a change of, when something was asked for at the count `asked`: one that came while it was
   * being asked for may have taken back what was told since, and nobody tells that again unasked.
   */
  const sinceAsked = (asked: number): number =>
    story.reverts !== asked && patched("reverts-while-asking") ? asked : story.reverts;
  const requestEnd = (): Promise<void> =>
    untilDone(() => steps.requestEnd(input, Math.floor(story.endsAtMs / 1000)));

  // What a run before this one was told stays told: nothing is asked for again that is done.
  let endIsKnown =
    input.progress?.settled?.some(({ kind, status }) => kind === "end" && status === "done") ===
    true;

  story.listen();
  setAuctionCommands(input, story, patience);

  for (;;) {
    while (!story.isCancelled && Date.now() < story.endsAtMs - leadMs) {
      const armAtMs = story.endsAtMs - leadMs;
      await waitUntil(
        armAtMs,
        () => story.isCancelled || story.endsAtMs - leadMs !== armAtMs || patience.historyIsLong,
        "bidding is open; the end is asked for shortly before it is due",
      );
      if (patience.historyIsLong) {
        await condition(allHandlersFinished);
        await goOnInNewRun();
      }
    }
    if (story.cancelledAt !== undefined) {
      const blockNumber = story.cancelledAt;
      const seen = story.news;
      const told = await untilDone(() => steps.announceCancelled(input, blockNumber));
      if (told === CHAIN_CHANGED && story.cancelledAt === blockNumber) {
        story.cancelledAt = undefined;
        story.forget("end");
        await untilNews(seen);
      }
      // The chain may have taken the cancellation back while it was announced.
      if (!story.isCancelled) continue;
      story.onProblem(null);
      story.set({ phase: "cancelled" }, "cancelled by the host");
      return story.current;
    }

    let asked = story.reverts;
    if (!endIsKnown) {
      story.set({ phase: "ending" }, "the end is asked for");
      await requestEnd();
    }
    endIsKnown = false;
    const ends = new Asking(story, patience, "end");
    // An extension of seconds is followed by the sender itself; one of minutes (a reorg) sends the process back to sleep.
    while (
      story.settled("end")?.status !== "done" &&
      !story.isCancelled &&
      story.endsAtMs - leadMs - Date.now() <= ASK_AGAIN_MS
    ) {
      const end = story.settled("end");
      // A reorg dropped the creation, and it has not come back under this id. If it does, the indexer starts a process again.
      if (end?.reason === "unknown_auction" && patched("auction-gone")) {
        story.onProblem(null);
        story.set({ phase: "gone" }, "a reorg dropped the creation");
        return story.current;
      }
      const seen = sinceAsked(asked);
      await ends.wait(
        Math.max(story.endsAtMs, Date.now()),
        () => story.isCancelled || story.reverts !== seen,
        "waiting for the end on chain",
      );
      if (story.isCancelled) break;
      // What was forgotten with the reorg may be true again: whoever is asked anew tells it anew.
      if (story.settled("end") === end || story.reverts !== seen) {
        asked = story.reverts;
        await requestEnd();
      }
    }
    story.onProblem(null);
    const end = story.settled("end");
    if (end?.status !== "done") {
      story.set({ phase: "bidding" }, "bidding is open");
      continue;
    }
    const stands = (): boolean => story.settled("end") === end;
    const lookAgain = async (seen: number): Promise<void> => {
      const known = stands();
      if (known) story.forget("end");
      const nothing = { phase: "bidding", winner: null, amountWei: null, meetingId: null } as const;
      story.set(nothing, "the chain took back the end");
      if (known) await untilNews(seen);
    };

    let seen = story.news;
    if (end.winner === undefined || end.amountWei === undefined) {
      const told = await untilDone(() => steps.announceUnsold(input, end.blockNumber));
      if (told === CHAIN_CHANGED || !stands()) {
        await lookAgain(seen);
        continue;
      }
      story.set({ phase: "unsold" }, "ended without a bid");
      return story.current;
    }
    const sale = {
      winner: end.winner,
      amountWei: end.amountWei,
      ...(end.blockNumber === undefined ? {} : { blockNumber: end.blockNumber }),
    };
    story.set({ phase: "sold", winner: end.winner, amountWei: end.amountWei }, "sold");
    const arrange = (): Promise<MeetingInput | ChainChanged> =>
      untilDone(() => steps.arrangeMeeting(input, sale));
    let askedMint = story.reverts;
    let arranged = await arrange();
    if (arranged !== CHAIN_CHANGED)
      story.set({ meetingId: arranged.meetingId }, "the meeting is arranged, the pass asked for");

    const mints = new Asking(story, patience, "mint");
    while (arranged !== CHAIN_CHANGED && stands() && story.settled("mint")?.status !== "done") {
      const mint = story.settled("mint");
      const revertsSeen = sinceAsked(askedMint);
      await mints.wait(
        Date.now(),
        () => story.reverts !== revertsSeen,
        "waiting for the pass on chain",
      );
      seen = story.news;
      if (!stands()) break;
      if (story.settled("mint") === mint || story.reverts !== revertsSeen) {
        askedMint = story.reverts;
        arranged = await arrange();
      }
    }
    story.onProblem(null);
    if (arranged === CHAIN_CHANGED || !stands()) {
      await lookAgain(seen);
      continue;
    }
    await startMeeting(arranged);
    if (!stands()) {
      await lookAgain(seen);
      continue;
    }
    story.set({ phase: "meeting", passMinted: true }, "the meeting has its own process");
    await condition(allHandlersFinished);
    return story.current;
  }
}

/** The wait for an operation, and how often it was asked for: one that is refused time and again is asked for ever more rarely. */
class Asking {
  readonly #story: AuctionStory;
  readonly #patience: Patience;
  readonly #kind: OperationKind;
  #attempt = 0;
  #answer: OperationSettledMessage["status"] | undefined;

  constructor(story: AuctionStory, patience: Patience, kind: OperationKind) {
    this.#story = story;
    this.#patience = patience;
    this.#kind = kind;
  }

  /** Shows a refusal, and waits from `fromMs` on until there is an answer, `done()` holds, somebody nudges, or it is time to ask again. */
  async wait(fromMs: number, done: () => boolean, summary: string): Promise<void> {
    const answer = this.#story.settled(this.#kind);
    if (answer?.status !== this.#answer) this.#attempt = 0;
    this.#answer = answer?.status;
    const refused = answer?.status === "refused" ? (answer.reason ?? "no reason given") : undefined;
    this.#story.onProblem(
      refused === undefined
        ? null
        : { code: `${this.#kind}:${refused}`, text: `${this.#kind}: ${refused}` },
    );
    const { nudges } = this.#patience;
    const untilMs = fromMs + pauseMs(ASK_AGAIN_MS, this.#attempt);
    await waitUntil(
      untilMs,
      () =>
        this.#story.settled(this.#kind) !== answer || this.#patience.nudges !== nudges || done(),
      summary,
    );
    if (this.#patience.nudges !== nudges) this.#attempt = 0;
    else if (Date.now() >= untilMs) this.#attempt += 1;
    await this.#patience.refresh();
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
      typedSearchAttributes: attributesOf(input, "scheduled"),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
