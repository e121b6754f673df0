import { Context } from "@temporalio/activity";
import { RpcError } from "../chain/rpc.ts";
import type { Database } from "../db/database.ts";
import { type LeaderConnection, withLeadership } from "../db/leadership.ts";
import { AppError, messageOf, unavailable } from "../errors.ts";
import type { Logger } from "../logging.ts";

/** An activity gives its place back well before its start-to-close time-out, so that a turn never ends as a failure. */
const TURN_MS = 50 * 60_000;
/** How often a leader shows that it lives. */
const BEAT_MS = 500;
/** Pauses after rounds that failed in a row, in milliseconds. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

/** Every wait in a round has a limit of its own. A round that lasts longer than this hangs where nobody thought of one. */
const ROUND_LIMIT_MS = 60_000;

/** One activity's time at the head of a job. */
export class Turn {
  readonly #ending: AbortSignal;
  readonly #roundLimitMs: number;
  readonly #startedAtMs = performance.now();
  #roundSinceMs = performance.now();
  #isResting = false;

  constructor(ending: AbortSignal, roundLimitMs = ROUND_LIMIT_MS) {
    this.#ending = ending;
    this.#roundLimitMs = roundLimitMs;
  }

  /** Whether there is to be another round. */
  get isRunning(): boolean {
    return !this.#ending.aborted && performance.now() - this.#startedAtMs < TURN_MS;
  }

  /** How long the round that runs has lasted. */
  get roundMs(): number {
    return this.#isResting ? 0 : performance.now() - this.#roundSinceMs;
  }

  /** Whether the round that runs has lasted so long that it waits for something that never comes. */
  get hangs(): boolean {
    return this.roundMs > this.#roundLimitMs;
  }

  /** A round, or a piece of a long one, has come to its end, well or not. */
  finished(): void {
    this.#roundSinceMs = performance.now();
  }

  /** Waits between two rounds, for as long as it takes, and no longer than the turn. */
  async rest(wait: Promise<void>): Promise<void> {
    this.#isResting = true;
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    if (this.#ending.aborted) end();
    this.#ending.addEventListener("abort", end);
    await Promise.race([wait, over]);
    this.#ending.removeEventListener("abort", end);
    this.#isResting = false;
    this.finished();
  }
}

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

/** What is done under a lock. */
interface Work<Result> {
  readonly name: string;
  readonly work: (leader: LeaderConnection, turn: Turn) => Promise<Result>;
}

/**
 * Works as the leader until the turn is over, the lock is lost, or a round hangs. Now and then, and not with the rounds, as a slow
 * node must not look like a dead worker, it shows on the leader's connection that this process lives, and calls `onBeat`.
 */
export async function workAsLeader<Result>(
  leader: LeaderConnection,
  turn: Turn,
  { name, work }: Work<Result>,
  onBeat: () => void = () => undefined,
): Promise<Result> {
  const hangs = Promise.withResolvers<never>();
  // Nobody waits for it any more when the work has ended first.
  hangs.promise.catch(() => undefined);
  const heart = setInterval(() => {
    if (turn.hangs) return hangs.reject(roundHangs(name, turn.roundMs));
    leader.beat();
    onBeat();
  }, BEAT_MS);
  turn.finished();
  try {
    return await Promise.race([work(leader, turn), leader.lost, hangs.promise]);
  } finally {
    clearInterval(heart);
  }
}

/** Holds the leadership of a job, as an activity, until the turn is over or the worker shuts down. */
export async function lead<Result>(
  { db, stopping }: LeadOptions,
  job: Work<Result>,
): Promise<Result> {
  const context = Context.current();
  const orders = new Orders(context);
  const ending = AbortSignal.any([orders.toEnd, stopping]);
  const beat = (): void => {
    orders.look();
    context.heartbeat();
  };
  // Also while the lock is still another's.
  const heart = setInterval(beat, BEAT_MS);
  try {
    const result = await withLeadership(db, job.name, ending, (leader) => {
      clearInterval(heart);
      return workAsLeader(leader, new Turn(ending), job, beat);
    });
    if (orders.toEnd.aborted) await context.cancelled;
    // Reported as a failure to be retried, so that another worker takes the job up at once.
    if (stopping.aborted) throw workerStopping();
    return result;
  } catch (error) {
    throw stopping.aborted ? workerStopping() : error;
  } finally {
    clearInterval(heart);
  }
}

function roundHangs(name: string, roundMs: number): AppError {
  return unavailable(
    "round_hangs",
    `a round of ${name} has not ended for ${Math.round(roundMs / 1_000)} s: the job is given up, for another worker or another try`,
  );
}

function workerStopping(): AppError {
  return new AppError({ kind: "retry", code: "worker_stopping", message: "this worker stops" });
}

/**
 * Calls `round` until it says that there is nothing more to do here, or the turn is over. What may pass (a node that does not
 * answer) is no reason to give the job back: handing it over costs more than looking again. Anything else is.
 */
export async function inRounds(
  turn: Turn,
  logger: Logger,
  round: () => Promise<"more" | "done">,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (turn.isRunning) {
    try {
      if ((await round()) === "done") return;
      turn.finished();
      pauseMs = FIRST_PAUSE_MS;
    } catch (error) {
      const passes =
        error instanceof RpcError ||
        (error instanceof AppError && error.kind === "retry" && error.code !== "leadership_lost");
      if (!passes) throw error;
      logger.warn("a round failed and is tried again", {
        code: error.code,
        reason: messageOf(error).slice(0, 200),
        pauseMs,
      });
      const waitMs = pauseMs;
      await turn.rest(new Promise((resolve) => setTimeout(resolve, waitMs)));
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
