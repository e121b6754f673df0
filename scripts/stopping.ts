import { stopOnSignals } from "../dev/stack/signals.ts";

/**
 * Ends a measurement on Ctrl-C, SIGTERM and uncaught errors (dev/stack/signals.ts): `stop` takes its parts away, and what is
 * still under way then fails, which is no news and is not printed. The exit code is 130; guards end what `stop` did not.
 * Returns `orIdle`: passes a promise on, but never settles once the stop has begun, as nothing may be concluded any more.
 */
export function stopQuietlyOnSignals(
  stop: () => Promise<void>,
): <T>(running: Promise<T>) => Promise<T> {
  let stopping = false;
  const quietStop = (): Promise<void> => {
    stopping = true;
    for (const event of ["uncaughtException", "unhandledRejection"] as const)
      process.removeAllListeners(event).on(event, () => {});
    return stop();
  };
  stopOnSignals({ stop: quietStop, force: () => process.exit(1) }, () => 130);
  return async (running) => {
    try {
      return await running;
    } finally {
      if (stopping) await new Promise(() => {});
    }
  };
}
