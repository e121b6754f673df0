import type { ChainJob } from "../activities/chain-jobs.ts";
import { Turn, workAsLeader } from "../activities/leading.ts";
import type { Database } from "../db/database.ts";
import { type Holder, holdersOf, takeLeadership } from "../db/leadership.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";

const LOOK_EVERY_MS = 500;
/** A leader shows twice a second that it lives. One that has not for so long is frozen or cut off. */
const FROZEN_AFTER_MS = 2_500;
/** The same in the middle of a transaction: a signer that is asked for a signature may take its time. */
const HANGING_AFTER_MS = 15_000;
/** So long nobody may hold a job: Temporal gives it to the next worker in less. */
const ABSENT_AFTER_MS = 3_000;
/** A job in which there is nothing to do (an operator has paused the wallet) is left alone for so long. */
const REST_MS = 60_000;

type AnyJob = ChainJob<string>;

/**
 * Takes care of jobs whose leader is gone, until Temporal gives them to a worker. Temporal decides who works: it may hand a job to a
 * worker that is frozen and still seems to wait for work, and notices seconds later; and it may be away itself. The lock in Postgres
 * says at once whether anybody works. docs/adr/0018
 */
export class Caretaker {
  readonly #db: Database;
  readonly #jobs: readonly AnyJob[];
  readonly #logger: Logger;
  readonly #stopping: AbortSignal;
  readonly #absentSinceMs = new Map<string, number>();
  /** The server's process of each leader that was found quiet at the last look, by job. */
  readonly #quiet = new Map<string, number>();
  /** Jobs in which there was nothing to do when they were last taken up. */
  readonly #restsUntilMs = new Map<string, number>();
  readonly #working = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: {
    readonly db: Database;
    readonly jobs: readonly AnyJob[];
    readonly logger: Logger;
    readonly stopping: AbortSignal;
  }) {
    this.#db = options.db;
    this.#jobs = options.jobs;
    this.#logger = options.logger;
    this.#stopping = options.stopping;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Waits until what it took care of is given back; `stopping` ends that. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#working.values());
  }

  async #look(): Promise<void> {
    if (this.#isLooking || this.#stopping.aborted) return;
    this.#isLooking = true;
    try {
      const names = this.#jobs.map((one) => one.name);
      for (const holder of await holdersOf(this.#db, names)) this.#judge(holder);
    } catch {
      // Without the database nobody can work; readiness and the log say so elsewhere.
      this.#absentSinceMs.clear();
    } finally {
      this.#isLooking = false;
    }
  }

  #judge(holder: Holder): void {
    const { name, pid, quietMs, doing } = holder;
    const nowMs = performance.now();
    if (this.#working.has(name) || nowMs < (this.#restsUntilMs.get(name) ?? 0)) return;
    if (pid !== null) {
      this.#absentSinceMs.delete(name);
      // While the server executes a statement the leader has nothing to show.
      const isQuiet =
        doing !== "executing" && quietMs > (doing === "open" ? HANGING_AFTER_MS : FROZEN_AFTER_MS);
      // A process that stood still for a moment, this one perhaps, has beaten again by the next look.
      if (isQuiet && this.#quiet.get(name) === pid) return this.#take(name, pid);
      if (isQuiet) this.#quiet.set(name, pid);
      else this.#quiet.delete(name);
      return;
    }
    const sinceMs = this.#absentSinceMs.get(name) ?? nowMs;
    this.#absentSinceMs.set(name, sinceMs);
    if (nowMs - sinceMs > ABSENT_AFTER_MS) this.#take(name, undefined);
  }

  #take(name: string, from: number | undefined): void {
    this.#quiet.delete(name);
    const job = this.#jobs.find((one) => one.name === name);
    if (job === undefined) return;
    this.#absentSinceMs.delete(name);
    const turn = new Turn(this.#stopping);
    const work = takeLeadership(this.#db, name, from, (leader) => {
      // One that an operator has stopped is looked at again and again.
      const level = this.#restsUntilMs.has(name) ? "debug" : "warn";
      this.#logger.log(level, "a job had no leader that works, and is taken care of", {
        job: name,
        leader: from === undefined ? "gone" : "silent",
      });
      return workAsLeader(leader, turn, job);
    }).then(
      (result) => {
        if (result === "turn-over") this.#restsUntilMs.delete(name);
        else if (result !== undefined) this.#restsUntilMs.set(name, performance.now() + REST_MS);
      },
      (error: unknown) => {
        this.#logger.info("a job that was taken care of is given back", {
          job: name,
          reason: messageOf(error).slice(0, 200),
        });
      },
    );
    this.#working.set(
      name,
      work.finally(() => this.#working.delete(name)),
    );
  }
}
