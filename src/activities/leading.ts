import { Context } from "@temporalio/activity";
import { type Database, type LeaderConnection, withLeadership } from "../db/database.ts";
import { AppError, messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";

/** An activity gives its place back well before its start-to-close time-out, so that a turn never ends as a failure. */
const TURN_MS = 50 * 60_000;
const HEARTBEAT_MS = 1_000;
/** Pauses after rounds that failed in a row, in milliseconds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export interface LeadOptions {
  readonly db: Database;
  /** Aborted when this worker begins to stop. */
  readonly stopping: AbortSignal;
}

/**
 * Aborted when Temporal says that the activity shall end. The SDK also cancels one by itself, when no heartbeat was acknowledged for
 * some seconds: Temporal is away, and says nothing. The lock in Postgres then still holds, and so the work goes on; should Temporal
 * have given the job to another worker, that one takes the lock, and `leader.lost` tells.
 */
class Orders {
  readonly #context: Context;
  readonly #ordered = new AbortController();

  constructor(context: Context) {
    this.#context = context;
    const { cancellationSignal } = context;
    if (cancellationSignal.aborted) this.look();
    else cancellationSignal.addEventListener("abort", () => this.look(), { once: true });
  }

  get toEnd(): AbortSignal {
    return this.#ordered.signal;
  }

  /** To be called now and then: after a time-out of its own the SDK may still bring an order, without another event. */
  look(): void {
    const { cancellationSignal, cancellationDetails } = this.#context;
    if (cancellationSignal.aborted && cancellationDetails?.timedOut !== true) this.#ordered.abort();
  }
}

/**
 * Holds the leadership of `name` and does `work` until the turn is over or the worker shuts down. The heartbeat beats from
 * a timer and not from the rounds: a slow node must not look like a dead worker.
 */
export async function lead(
  { db, stopping }: LeadOptions,
  name: string,
  work: (leader: LeaderConnection, running: () => boolean) => Promise<void>,
): Promise<void> {
  const context = Context.current();
  const orders = new Orders(context);
  const ending = AbortSignal.any([orders.toEnd, stopping]);
  const startedAtMs = Date.now();
  const heart = setInterval(() => {
    orders.look();
    context.heartbeat();
  }, HEARTBEAT_MS);
  const running = (): boolean => !ending.aborted && Date.now() - startedAtMs < TURN_MS;
  try {
    await withLeadership(db, name, ending, (leader) =>
      Promise.race([work(leader, running), leader.lost]),
    );
    if (orders.toEnd.aborted) await context.cancelled;
    // Reported as a failure to be retried, so that another worker takes the job up at once.
    if (stopping.aborted) throw workerStopping();
  } catch (error) {
    throw stopping.aborted ? workerStopping() : error;
  } finally {
    clearInterval(heart);
  }
}

function workerStopping(): AppError {
  return new AppError({ kind: "retry", code: "worker_stopping", message: "this worker stops" });
}

/**
 * Calls `round` until it says that there is nothing more to do here, or the turn is over. What may pass (a node that does not
 * answer) is no reason to give the job back: handing it over costs more than looking again. Anything else is.
 */
export async function inRounds(
  running: () => boolean,
  logger: Logger,
  round: () => Promise<"more" | "done">,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (running()) {
    try {
      if ((await round()) === "done") return;
      pauseMs = FIRST_PAUSE_MS;
    } catch (error) {
      const passes =
        error instanceof AppError && error.kind === "retry" && error.code !== "leadership_lost";
      if (!passes) throw error;
      logger.warn("a round failed and is tried again", {
        code: error.code,
        reason: messageOf(error).slice(0, 200),
        pauseMs,
      });
      const waitMs = pauseMs;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}

/** Sleeps, but not past a wake-up; one that came while nobody slept ends the next sleep at once. */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async sleep(ms: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
