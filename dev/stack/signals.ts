import { failureBlock } from "./errors.ts";

export interface StopHooks {
  /** The orderly stop; called once. */
  readonly stop: () => Promise<void>;
  /** Ends everything at once; for a second Ctrl-C and when the orderly stop fails. */
  readonly force: () => void;
}

/** npm and the terminal may both deliver one Ctrl-C; what comes within this time is the same one. */
const SAME_SIGNAL_MS = 700;
const PARENT_POLL_MS = 500;

/**
 * Stops on Ctrl-C (SIGINT), SIGTERM, a closed terminal and on uncaught errors; a second Ctrl-C forces.
 * Ends this process with `exitCode()` after an orderly stop, 1 after an error, 130 when forced.
 * Also stops when the bootstrap that started us is gone (scripts/run.mjs names it).
 */
export function stopOnSignals(hooks: StopHooks, exitCode: () => number = () => 0): void {
  let stoppingSince: number | undefined;

  function begin(code: () => number): void {
    stoppingSince = performance.now();
    hooks.stop().then(
      () => process.exit(code()),
      (error: unknown) => {
        process.stderr.write(`${failureBlock(error)}\n`);
        hooks.force();
        process.exit(1);
      },
    );
  }
  function onSignal(): void {
    if (stoppingSince === undefined) return begin(exitCode);
    if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
    hooks.force();
    process.exit(130);
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(`\n${failureBlock(error)}\n`);
      if (stoppingSince === undefined) begin(() => 1);
    });
  }
  // A terminal that went away must not turn each line into an error.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  const parent = Number(process.env["MEETING_AUCTION_PARENT"] ?? 0);
  delete process.env["MEETING_AUCTION_PARENT"]; // meant for this process, not for its children
  if (parent === 0) return;
  setInterval(() => {
    if (process.ppid !== parent && stoppingSince === undefined) begin(exitCode);
  }, PARENT_POLL_MS).unref();
}
