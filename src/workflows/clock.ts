import { condition } from "@temporalio/workflow";

/** The latest time that a timer of this workflow has waited for. Each workflow execution has a copy of this module. */
let reachedMs = 0;

/**
 * The time, for every decision of a workflow; never Date.now(), which can be too early. Date.now() is the start of the workflow
 * task. But a query can reach a cached workflow together with events that no workflow task has brought yet (temporalio/sdk-go#755),
 * and those are then applied at the time of the task before. A workflow that had slept for a day would see its timer fire and the
 * clock still at yesterday, and would start another timer; a replay, which sees the right time, would do something else. So a
 * timer that has fired moves this clock to the time it waited for.
 */
export function nowMs(): number {
  return Math.max(Date.now(), reachedMs);
}

/** Waits until `done()` holds, or for `ms` milliseconds. */
export async function waitFor(done: () => boolean, ms: number, summary: string): Promise<void> {
  const dueMs = nowMs() + ms;
  const isDone = await condition(done, ms, { summary });
  if (!isDone) reachedMs = Math.max(reachedMs, dueMs);
}

/**
 * Waits until `done()` holds or the time has come. Callers ask the clock which of them it was: after an outage a message that
 * came after the time is applied in the same activation as the timer.
 */
export async function waitUntil(
  timeMs: number,
  done: () => boolean,
  summary: string,
): Promise<void> {
  const remainingMs = timeMs - nowMs();
  if (remainingMs <= 0 || done()) return;
  await waitFor(done, remainingMs, summary);
}
