import type { Database } from "../../db/database.ts";
import { Listener } from "../../db/listen.ts";
import { type EventRow, eventsAfter, lastEventSeq } from "../../db/feed.ts";
import type { Logger } from "../../logging.ts";
import type { WakeUps } from "./wake-ups.ts";

/** Wake-ups can be lost with the connection that carries them; this is the longest an event then waits. */
const POLL_MS = 1_000;
const BATCH = 500;

/**
 * Reads the events table in the order of seq, from where it stood at the start, and hands every event to `onEvent` once.
 * `onEvent` is synchronous, so at any moment outside it exactly the events up to `position` have been handed on.
 */
export class EventTailer {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #onEvent: (event: EventRow) => void;
  readonly #listener: Listener;
  readonly #wakeUps: WakeUps | undefined;
  #position = 0;
  /** The furthest that this node or another has told the others. */
  #told = 0;
  #reading: Promise<void> | undefined;
  #wakeAgain = false;
  #poll: NodeJS.Timeout | undefined;
  #closed = false;
  #failing = false;

  constructor(options: {
    readonly db: Database;
    readonly logger: Logger;
    readonly onEvent: (event: EventRow) => void;
    /** Wakes the nodes that share it, beside Postgres. */
    readonly wakeUps?: WakeUps | undefined;
  }) {
    this.#db = options.db;
    this.#logger = options.logger;
    this.#onEvent = options.onEvent;
    this.#wakeUps = options.wakeUps;
    this.#listener = new Listener(options.db, ["events"], () => this.wake());
  }

  /** The seq of the last event handed on. */
  get position(): number {
    return this.#position;
  }

  /** Finds the end of the table and follows it from there. */
  async start(): Promise<void> {
    this.#position = await lastEventSeq(this.#db);
    this.#told = this.#position;
    this.#listener.start();
    this.#wakeUps?.subscribe((seq) => {
      this.#told = Math.max(this.#told, seq);
      if (seq > this.#position) this.wake();
    });
    this.#poll = setInterval(() => this.wake(), POLL_MS);
    this.#poll.unref();
  }

  /** Reads what is new, soon: once now, and once more if woken while reading. */
  wake(): void {
    if (this.#closed) return;
    if (this.#reading !== undefined) {
      this.#wakeAgain = true;
      return;
    }
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      if (!this.#wakeAgain) return;
      this.#wakeAgain = false;
      this.wake();
    });
  }

  /** Hands on everything committed before the call. @throws the database's error */
  async catchUp(): Promise<void> {
    const target = await lastEventSeq(this.#db);
    while (this.#position < target && !this.#closed) {
      this.wake();
      await this.#reading;
      if (this.#failing) throw new Error("the events table cannot be read");
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    await this.#listener.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const events = await eventsAfter(this.#db, this.#position, BATCH);
        for (const event of events) {
          this.#position = event.seq;
          this.#handOn(event);
        }
        if (events.length < BATCH || this.#closed) break;
      }
      if (this.#position > this.#told) {
        this.#told = this.#position;
        this.#wakeUps?.publish(this.#position);
      }
      if (this.#failing) this.#logger.info("the events table can be read again");
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#closed)
        this.#logger.warn("the events table cannot be read; trying again every second", { error });
      this.#failing = true;
    }
  }

  /** One event that cannot be handed on must not hold up the ones after it. */
  #handOn(event: EventRow): void {
    try {
      this.#onEvent(event);
    } catch (error) {
      this.#logger.error("an event could not be emitted", {
        error,
        seq: event.seq,
        type: event.type,
      });
    }
  }
}
