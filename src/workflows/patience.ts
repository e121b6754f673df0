import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  isCancellation,
  log,
  sleep,
} from "@temporalio/workflow";

/** How long a step that was refused waits before it is tried again by itself. */
const RETRY_STEP_AFTER_MS = 5 * 60_000;

/**
 * Runs a step until it succeeds. A refusal never closes a process: it is shown to operators through `onProblem` and tried
 * again, as what refused it (a missing role, a wrong setting) gets mended outside.
 */
export async function untilDone<T>(
  step: () => Promise<T>,
  onProblem: (problem: string | null) => void,
): Promise<T>;
/** With a time: gives up once the next attempt would come after it, the problem still shown. */
export async function untilDone<T>(
  step: () => Promise<T>,
  onProblem: (problem: string | null) => void,
  giveUpAtMs: number,
): Promise<T | undefined>;
export async function untilDone<T>(
  step: () => Promise<T>,
  onProblem: (problem: string | null) => void,
  giveUpAtMs = Number.POSITIVE_INFINITY,
): Promise<T | undefined> {
  for (;;) {
    try {
      const value = await step();
      onProblem(null);
      return value;
    } catch (error) {
      if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
      const reason =
        error.cause instanceof ApplicationFailure
          ? `${error.cause.type ?? "refused"}: ${error.cause.message}`
          : (error.cause?.message ?? error.message);
      log.error("a step was refused and will be tried again", { step: error.activityType, reason });
      onProblem(`${error.activityType}: ${reason}`);
      if (Date.now() + RETRY_STEP_AFTER_MS > giveUpAtMs) return undefined;
      await sleep(RETRY_STEP_AFTER_MS, { summary: `try ${error.activityType} again` });
    }
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
