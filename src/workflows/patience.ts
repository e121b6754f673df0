import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  condition,
  isCancellation,
  log,
  patched,
  workflowInfo,
} from "@temporalio/workflow";

/** How long a step that was refused waits before it is tried again by itself, the first time. */
const RETRY_STEP_AFTER_MS = 5 * 60_000;
/** What is refused again and again is tried ever more rarely: at most so many times as far apart as at first. */
const LONGEST_PAUSE_FACTOR = 12;

/** Something that does not mend itself. `code` is for searching, `text` for people. */
export interface Problem {
  readonly code: string;
  readonly text: string;
}

export interface PatienceOptions {
  readonly onProblem: (problem: Problem | null) => void;
  /** Goes on in a new run, with all that is known; never returns. Absent: the caller does that itself. */
  readonly goOnInNewRun?: () => Promise<never>;
  /** A step that goes well lasts for most of an hour: its problem is over when it is tried again, not when it has come to its end. */
  readonly stepsAreLong?: boolean;
  /** For tests: the history is long after so many events, instead of when the server says so. */
  readonly longAfterEvents?: number | undefined;
}

/** The pause before attempt `attempt` + 1, in milliseconds: twice as long each time, up to twelve times. */
export function pauseMs(firstMs: number, attempt: number): number {
  return firstMs * Math.min(2 ** attempt, LONGEST_PAUSE_FACTOR);
}

/**
 * How a process waits: for a step that is refused, for the chain, for an operator. However long that takes, its history does
 * not grow beyond what the server wants: tries become rare, and between two of them it goes on in a new run.
 */
export class Patience {
  readonly #o: PatienceOptions;
  #nudges = 0;

  constructor(options: PatienceOptions) {
    this.#o = options;
  }

  /** How often somebody asked for another try. */
  get nudges(): number {
    return this.#nudges;
  }

  /** An operator has mended something: whatever waits tries again now. */
  nudge(): void {
    this.#nudges += 1;
  }

  get historyIsLong(): boolean {
    const info = workflowInfo();
    const { longAfterEvents } = this.#o;
    return (
      info.continueAsNewSuggested ||
      (longAfterEvents !== undefined && info.historyLength >= longAfterEvents)
    );
  }

  /** To be called where all that is known is in the state: goes on in a new run when this one's history is long. */
  async refresh(): Promise<void> {
    const { goOnInNewRun } = this.#o;
    if (goOnInNewRun === undefined || !this.historyIsLong || !allHandlersFinished()) return;
    if (patched("new-run-while-waiting")) await goOnInNewRun();
  }

  /**
   * Runs a step until it succeeds. A refusal never closes a process: it is shown to operators through `onProblem` and tried
   * again, as what refused it (a missing role, a wrong setting) gets mended outside.
   */
  async untilDone<T>(step: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await attemptOf(step);
      // What others have shown is theirs to take back.
      if (outcome.problem !== null || attempt > 0) this.#o.onProblem(outcome.problem);
      if (outcome.problem === null) return outcome.value;
      await this.#pause(pauseMs(RETRY_STEP_AFTER_MS, attempt), outcome.step);
      if (this.#o.stepsAreLong === true) this.#o.onProblem(null);
      await this.refresh();
    }
  }

  /** The same for something beside the process: gives up once the next attempt would come after `giveUpAtMs`, the problem still shown. */
  async until<T>(
    giveUpAtMs: number,
    step: () => Promise<T>,
    onProblem: (problem: Problem | null) => void,
  ): Promise<T | undefined> {
    for (;;) {
      const outcome = await attemptOf(step);
      onProblem(outcome.problem);
      if (outcome.problem === null) return outcome.value;
      if (Date.now() + RETRY_STEP_AFTER_MS > giveUpAtMs) return undefined;
      await this.#pause(RETRY_STEP_AFTER_MS, outcome.step);
    }
  }

  async #pause(ms: number, step: string): Promise<void> {
    const seen = this.#nudges;
    await condition(() => this.#nudges !== seen, ms, { summary: `try ${step} again` });
  }
}

type Outcome<T> =
  | { readonly problem: null; readonly value: T }
  | { readonly problem: Problem; readonly step: string };

async function attemptOf<T>(step: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { problem: null, value: await step() };
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const { activityType, cause } = error;
    const type = cause instanceof ApplicationFailure ? (cause.type ?? "refused") : "failed";
    const reason =
      cause instanceof ApplicationFailure
        ? `${type}: ${cause.message}`
        : (cause?.message ?? error.message);
    log.error("a step was refused and will be tried again", { step: activityType, reason });
    return {
      problem: { code: `${activityType}:${type}`, text: `${activityType}: ${reason}` },
      step: activityType,
    };
  }
}

/**
 * Waits until `done()` holds or the time has come. The boolean of `condition` is not used: after an outage a message that
 * came after the time is applied in the same activation as the timer, so only the clock says whether it was in time.
 */
export async function waitUntil(
  timeMs: number,
  done: () => boolean,
  summary: string,
): Promise<void> {
  const remainingMs = timeMs - Date.now();
  if (remainingMs <= 0 || done()) return;
  await condition(done, remainingMs, { summary });
}
