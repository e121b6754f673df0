import { patched, setCurrentDetails, setHandler } from "@temporalio/workflow";
import { auctionDetails } from "./details.ts";
import {
  type AuctionInput,
  type AuctionState,
  auctionStateQuery,
  cancelledSignal,
  extendedSignal,
  type OperationKind,
  type OperationSettledMessage,
  operationSettledSignal,
  type RevertedMessage,
  revertedSignal,
} from "./messages.ts";
import {
  cancelledSchema,
  extendedSchema,
  operationSettledSchema,
  revertedSchema,
  understood,
} from "./message-schemas.ts";
import type { Problem } from "./patience.ts";
import { tag } from "./tags.ts";
import { type Happening, Timeline } from "./timeline.ts";

/** What a run hands to the next one when its history has grown long. */
export interface AuctionProgress {
  readonly endsAtMs: number;
  readonly cancelled: boolean;
  /** In which block; absent in what runs before this was kept have handed over. */
  readonly cancelledAt?: number;
  readonly settled?: readonly OperationSettledMessage[];
  readonly state?: Omit<AuctionState, "endsAtMs">;
  readonly problem?: Problem | null;
  readonly timeline?: readonly Happening[];
}

const BEGINNING: Omit<AuctionState, "endsAtMs"> = {
  phase: "bidding",
  winner: null,
  amountWei: null,
  meetingId: null,
  passMinted: false,
  problem: null,
};

/**
 * What the process of an auction knows: what the chain said, what of it a reorg took back, and how far the process is. Handlers
 * only take note: a failure in a signal handler would fail the auction, and the main line acts in one place.
 */
export class AuctionStory {
  readonly #input: AuctionInput;
  readonly #settled = new Map<OperationKind, OperationSettledMessage>();
  readonly #timeline: Timeline;
  #state: Omit<AuctionState, "endsAtMs">;
  #problem: Problem | null = null;
  endsAtMs: number;
  /** The block in which the auction was seen to be cancelled; undefined while it is not. */
  cancelledAt: number | undefined;
  /** What was said and what of it was taken back: counted, so that nothing is waited for that was said meanwhile. */
  news = 0;
  reverts = 0;

  constructor(input: AuctionInput, progress: AuctionProgress | undefined) {
    this.#input = input;
    this.endsAtMs = progress?.endsAtMs ?? input.endsAtMs;
    this.cancelledAt = progress?.cancelled === true ? (progress.cancelledAt ?? 0) : undefined;
    for (const message of progress?.settled ?? []) this.#settled.set(message.kind, message);
    this.#state = progress?.state ?? BEGINNING;
    this.#problem = progress?.problem ?? null;
    this.#timeline = new Timeline(progress?.timeline);
    if (progress === undefined) this.#timeline.note("bidding is open");
  }

  get current(): AuctionState {
    return { ...this.#state, endsAtMs: this.endsAtMs };
  }

  get progress(): AuctionProgress {
    return {
      endsAtMs: this.endsAtMs,
      cancelled: this.isCancelled,
      ...(this.cancelledAt === undefined ? {} : { cancelledAt: this.cancelledAt }),
      settled: [...this.#settled.values()],
      state: this.#state,
      problem: this.#problem,
      timeline: this.#timeline.happenings,
    };
  }

  get isCancelled(): boolean {
    return this.cancelledAt !== undefined;
  }

  settled(kind: OperationKind): OperationSettledMessage | undefined {
    return this.#settled.get(kind);
  }

  forget(kind: OperationKind): void {
    this.#settled.delete(kind);
  }

  set(change: Partial<Omit<AuctionState, "endsAtMs">>, happening?: string): void {
    this.#state = { ...this.#state, ...change };
    if (happening !== undefined) this.#timeline.note(happening);
    this.#show();
  }

  onProblem(problem: Problem | null): void {
    if (problem?.text === this.#problem?.text) return;
    this.#problem = problem;
    this.set(
      { problem: problem?.text ?? null },
      problem === null ? "what had failed is mended" : `**${problem.text}**`,
    );
  }

  /** Takes note of what the chain says. To be called before the first wait. */
  listen(): void {
    setHandler(auctionStateQuery, () => this.current, { description: "Where this auction stands" });
    setHandler(extendedSignal, (given) => {
      const message = understood("extended", extendedSchema, given);
      if (message === undefined) return;
      this.endsAtMs = Math.max(this.endsAtMs, message.endsAtMs);
      this.set({}, `a late bid moved the end to ${new Date(this.endsAtMs).toISOString()}`);
    });
    setHandler(cancelledSignal, (given) => {
      const message = understood("cancelled", cancelledSchema, given);
      if (message === undefined) return;
      this.cancelledAt = message.blockNumber;
      this.news += 1;
    });
    setHandler(revertedSignal, (given) => {
      const message = understood("reverted", revertedSchema, given);
      if (message !== undefined) this.#takeBack(message);
    });
    setHandler(operationSettledSignal, (given) => {
      const message = understood("operationSettled", operationSettledSchema, given);
      if (message !== undefined) this.#note(message);
    });
    this.#show();
  }

  #takeBack(message: RevertedMessage): void {
    this.endsAtMs = message.endsAtMs;
    this.cancelledAt = message.cancelled ? message.blockNumber : undefined;
    if (message.undone !== undefined) {
      for (const kind of message.undone) this.#settled.delete(kind);
      // A refusal of another fork is no verdict either.
      for (const [kind, { status }] of this.#settled)
        if (status === "refused") this.#settled.delete(kind);
      this.reverts += 1;
      this.news += 1;
    }
    this.set({}, `the chain was reorganised above block ${message.blockNumber}`);
  }

  #note(message: OperationSettledMessage): void {
    // What is done stays done, in whatever order its messages come.
    if (this.#settled.get(message.kind)?.status !== "done")
      this.#settled.set(message.kind, message);
    this.news += 1;
    // The contract says so itself, deep enough: the indexer's word has not come or was lost with a change of settings.
    if (message.status === "refused" && message.reason === "cancelled" && patched("end-cancelled"))
      this.cancelledAt ??= message.blockNumber ?? 0;
    this.#timeline.note(told(message));
  }

  #show(): void {
    setCurrentDetails(auctionDetails(this.#input, this.current, this.#timeline.markdown));
    tag({
      phase: this.#state.phase,
      endsAtMs: this.endsAtMs,
      failureCode: this.#problem?.code ?? null,
    });
  }
}

/** One line about an operation that settled. */
export function told({
  kind,
  status,
  reason,
  blockNumber,
  transactionHash,
}: OperationSettledMessage): string {
  const where = blockNumber === undefined ? "" : ` in block ${blockNumber}`;
  const by = transactionHash === undefined ? "" : ` by \`${transactionHash}\``;
  return status === "done"
    ? `${kind}: done${where}${by}`
    : `${kind}: refused${where}: ${reason ?? "no reason given"}`;
}
