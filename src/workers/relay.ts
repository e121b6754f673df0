import { crashPoint } from "../crash.ts";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import type { Database, Queryable } from "../db/database.ts";
import { Listener } from "../db/listen.ts";
import { dueMessages, markDelivered, type OutboxRow, postpone } from "../db/outbox.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { startAuctionWorkflow } from "../workflows/start.ts";

export interface RelayOptions {
  readonly db: Database;
  readonly client: Client;
  readonly leadMs: number;
  readonly logger: Logger;
  /** A delivery that is not answered within this is tried again later. */
  readonly deliveryTimeoutMs?: number;
}

/** Messages delivered in one transaction; they go to different workflows and so may go at once. */
const BATCH = 50;
/** A lost wake-up costs at most this. */
const POLL_MS = 1_000;
/** A relay that waits holds the lock, and so keeps the others waiting too. */
const DELIVERY_TIMEOUT_MS = 10_000;

/**
 * Carries messages from the outbox to Temporal, at least once and in order per workflow. Every worker runs one; an advisory
 * lock, held for the transaction of a batch, lets one of them work at a time.
 */
export class OutboxRelay {
  readonly #o: RelayOptions;
  readonly #listener: Listener;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: RelayOptions) {
    this.#o = options;
    this.#listener = new Listener(options.db, ["outbox"], () => this.#wake());
  }

  start(): void {
    this.#listener.start();
    this.#timer = setInterval(() => this.#wake(), POLL_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#listener.close();
    await this.#running;
  }

  #wake(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        while (!this.#closed && (await this.drain()) > 0) crashPoint("relay.marked");
      } catch (error) {
        this.#o.logger.warn("messages to workflows could not be delivered and wait", { error });
      }
    }
  }

  /** Delivers one batch and returns how many messages were tried. */
  async drain(): Promise<number> {
    return this.#o.db.transaction(async (tx) => {
      const [lock] = await tx.query<{ mine: boolean }>(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox-relay', 0)) AS mine",
      );
      if (lock?.mine !== true) return 0;
      const due = await dueMessages(tx, BATCH);
      if (due.length > 0) crashPoint("relay.read");
      const delivered = await Promise.all(due.map((row) => this.#deliver(row)));
      if (due.length > 0) crashPoint("relay.delivered");
      await markDelivered(
        tx,
        due.filter((_, index) => delivered[index] === null).map((row) => row.id),
      );
      for (const [index, row] of due.entries())
        if (typeof delivered[index] === "string") await this.#postpone(tx, row, delivered[index]);
      return due.length;
    });
  }

  /** null when delivered (or when there is nobody left to tell), else what went wrong. */
  async #deliver(row: OutboxRow): Promise<string | null> {
    const { client, leadMs, deliveryTimeoutMs = DELIVERY_TIMEOUT_MS } = this.#o;
    try {
      await client.withDeadline(Date.now() + deliveryTimeoutMs, async () => {
        if (row.kind === "start-auction")
          await startAuctionWorkflow(client, row.payload, leadMs, row.again);
        else
          await client.workflow
            .getHandle(row.workflowId)
            .signal(row.payload.signal, ...row.payload.args);
      });
      return null;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) {
        // A closed process has nothing left to learn; reconcile starts one that should be there and is not.
        this.#o.logger.info("a message came after its process had ended", {
          workflowId: row.workflowId,
          kind: row.kind,
        });
        return null;
      }
      return messageOf(error);
    }
  }

  async #postpone(tx: Queryable, row: OutboxRow, error: string): Promise<void> {
    this.#o.logger.warn("a message could not be delivered and will be tried again", {
      workflowId: row.workflowId,
      kind: row.kind,
      attempts: row.attempts + 1,
      reason: error.slice(0, 200),
    });
    await postpone(tx, row.id, error);
  }
}
