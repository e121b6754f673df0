import { StackError } from "./errors.ts";
import type { ManagedProcess } from "./processes.ts";

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** How long a part may take to start. A busy machine needs many times what a quiet one does; a part that ends is noticed at once. */
export const START_LIMIT_MS = 180_000;

export interface WaitOptions {
  /** What is waited for, as it reads after "waiting for". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** The process that brings the condition about: when it exits there is nothing left to wait for. */
  readonly by?: ManagedProcess;
  readonly tryThis?: string;
}

/** Polls until `condition` returns something other than undefined or false; a throw counts as "not yet". */
export async function waitFor<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  const details = {
    logFile: options.by?.logFile,
    logFrom: options.by?.logFrom,
    ...(options.tryThis === undefined ? {} : { tryThis: options.tryThis }),
  };
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    const exit = options.by?.exit;
    if (exit !== undefined) {
      throw new StackError(
        `${options.by?.name} ended (${exit.signal ?? `exit code ${exit.code}`}) while waiting for ${options.what}`,
        { ...details, cause },
      );
    }
    if (performance.now() >= deadline) {
      throw new StackError(
        `gave up after ${Math.round(options.timeoutMs / 1000)} s waiting for ${options.what}`,
        {
          ...details,
          cause,
        },
      );
    }
    await sleep(options.everyMs ?? 50);
  }
}

/** True once the URL answers with a 2xx status. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await response.body?.cancel();
  return response.ok;
}
