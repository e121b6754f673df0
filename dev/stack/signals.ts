import { codeOf, failureBlock } from "./errors.ts";

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

  followParent(() => {
    if (stoppingSince === undefined) begin(exitCode);
  });
}

/**
 * Calls back when the process that started us is gone: when our parent is another than the first id of
 * MEETING_AUCTION_PARENT, or the second (npm, behind a shell) no longer runs.
 */
function followParent(gone: () => void): void {
  const [parent, npm] = (process.env["MEETING_AUCTION_PARENT"] ?? "").split(" ").map(Number);
  delete process.env["MEETING_AUCTION_PARENT"]; // meant for this process, not for its children
  if (parent === undefined || npm === undefined) return;
  setInterval(() => {
    if (process.ppid !== parent || !exists(npm)) gone();
  }, PARENT_POLL_MS).unref();
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}
