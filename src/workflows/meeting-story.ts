import { setCurrentDetails, setHandler } from "@temporalio/workflow";
import { meetingDetails } from "./details.ts";
import { told } from "./auction-story.ts";
import {
  type MeetingInput,
  meetingInputQuery,
  type MeetingState,
  meetingStateQuery,
  type OperationSettledMessage,
  operationSettledSignal,
  type Outcome,
  withdrawnSignal,
} from "./messages.ts";
import { operationSettledSchema, understood } from "./message-schemas.ts";
import type { Problem } from "./patience.ts";
import { tag } from "./tags.ts";
import { type Happening, Timeline } from "./timeline.ts";

/** What a run hands to the next one when its history has grown long. */
export interface MeetingProgress {
  readonly endsAtMs: number;
  readonly state: Omit<MeetingState, "endsAtMs">;
  readonly closedBy: string | null;
  readonly withdrawn: boolean;
  readonly settlement?: OperationSettledMessage;
  readonly overruled?: Outcome;
  readonly problem: Problem | null;
  readonly timeline: readonly Happening[];
}

const BEGINNING: Omit<MeetingState, "endsAtMs"> = {
  phase: "scheduled",
  outcome: null,
  settled: false,
  problem: null,
};

/** What the process of a meeting knows, and how far it is. */
export class MeetingStory {
  readonly #input: MeetingInput;
  readonly #timeline: Timeline;
  #state: Omit<MeetingState, "endsAtMs">;
  #problem: Problem | null;
  /** What keeps a room from being ended. It is shown, and holds nothing up. */
  #roomProblem: Problem | null = null;
  endsAtMs: number;
  closedBy: string | null;
  withdrawn: boolean;
  settlement: OperationSettledMessage | undefined;
  overruled: Outcome | undefined;

  constructor(input: MeetingInput, progress: MeetingProgress | undefined) {
    this.#input = input;
    this.endsAtMs = progress?.endsAtMs ?? input.endsAtMs;
    this.closedBy = progress?.closedBy ?? null;
    this.withdrawn = progress?.withdrawn ?? false;
    this.settlement = progress?.settlement;
    this.overruled = progress?.overruled;
    this.#state = progress?.state ?? BEGINNING;
    this.#problem = progress?.problem ?? null;
    this.#timeline = new Timeline(progress?.timeline);
    if (progress === undefined) this.#timeline.note("the meeting is arranged");
  }

  get current(): MeetingState {
    const problems = [this.#state.problem, this.#roomProblem?.text ?? null];
    return {
      ...this.#state,
      endsAtMs: this.endsAtMs,
      problem: problems.filter((one) => one !== null).join("; ") || null,
    };
  }

  get progress(): MeetingProgress {
    return {
      endsAtMs: this.endsAtMs,
      state: this.#state,
      closedBy: this.closedBy,
      withdrawn: this.withdrawn,
      ...(this.settlement === undefined ? {} : { settlement: this.settlement }),
      ...(this.overruled === undefined ? {} : { overruled: this.overruled }),
      problem: this.#problem,
      timeline: this.#timeline.happenings,
    };
  }

  get phase(): MeetingState["phase"] {
    return this.#state.phase;
  }

  get isOver(): boolean {
    return this.closedBy !== null || this.withdrawn;
  }

  set(change: Partial<Omit<MeetingState, "endsAtMs">>, happening?: string): void {
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

  onRoomProblem(problem: Problem | null): void {
    if (problem?.text === this.#roomProblem?.text) return;
    this.#roomProblem = problem;
    this.set({}, problem === null ? "the room is ended" : `**${problem.text}**`);
  }

  /** Takes note of what the chain says. To be called before the first wait. */
  listen(): void {
    setHandler(meetingStateQuery, () => this.current, { description: "Where this meeting stands" });
    setHandler(meetingInputQuery, () => this.#input, { description: "What it began with" });
    setHandler(operationSettledSignal, (given) => {
      const message = understood("operationSettled", operationSettledSchema, given);
      if (message === undefined) return;
      // What is done stays done, in whatever order its messages come.
      if (this.settlement?.status !== "done") this.settlement = message;
      this.#timeline.note(told(message));
    });
    setHandler(withdrawnSignal, () => {
      this.withdrawn = true;
    });
    this.#show();
  }

  #show(): void {
    setCurrentDetails(meetingDetails(this.#input, this.current, this.#timeline.markdown));
    tag({
      phase: this.#state.phase,
      endsAtMs: this.endsAtMs,
      failureCode: (this.#problem ?? this.#roomProblem)?.code ?? null,
    });
  }
}
