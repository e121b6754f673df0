import type { ApiConfig } from "../../config.ts";
import type { Database } from "../../db/database.ts";
import { Listener } from "../../db/listen.ts";
import { notifyUser } from "../../db/notifications.ts";
import {
  claimDeliveries,
  disableWebhook,
  type DueDelivery,
  markNotReceived,
  markReceived,
  planDeliveries,
} from "../../db/webhook-deliveries.ts";
import { secretsOf } from "../../db/webhooks.ts";
import type { Logger } from "../../logging.ts";
import { NotSentError, postPublicly, type Reach } from "../../outside/public-post.ts";
import { openSecret, signedHeaders } from "./secrets.ts";

/** Seconds until the next try, after the first, the second and so on (Standard Webhooks' example); after the last it is given up. */
export const RETRIES_S: readonly number[] = [
  5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
];
/** A webhook that takes nothing for so long is disabled; less than all tries of one message together. */
const DISABLED_AFTER_S = 3 * 86_400;

const TIMEOUT_MS = 15_000;
/** Longer than one try can take, so that nobody tries what somebody else is trying. */
const LEASE_S = 60;
const POLL_MS = 1_000;
const MAX_IN_FLIGHT = 50;
/** One receiver that is slow leaves room for the user's others, and one user whose receivers are all slow for other users. */
const MAX_PER_WEBHOOK = 5;
const MAX_PER_USER = 10;

/** Where messages may go: a developer's own machine only while developing. */
export const reachOf = (config: Pick<ApiConfig, "NODE_ENV">): Reach =>
  config.NODE_ENV === "production" ? "public" : "any";

export interface DispatcherOptions {
  readonly db: Database;
  readonly config: Pick<ApiConfig, "NODE_ENV" | "ENCRYPTION_KEYS">;
  readonly logger: Logger;
  readonly timeoutMs?: number;
}

/**
 * Sends users' events to their webhooks, at least once and with the same `webhook-id` each time. Every API node runs one, as only
 * the API holds the keys that open the secrets; Postgres shares the work out, and what a killed node was sending is sent by
 * another. Failures are tried again for about three days (RETRIES_S).
 */
export class WebhookDispatcher {
  readonly #o: DispatcherOptions;
  readonly #listener: Listener;
  /** What is under way. */
  readonly #sending = new Map<Promise<void>, DueDelivery>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: DispatcherOptions) {
    this.#o = options;
    this.#listener = new Listener(options.db, ["events"], () => this.wake());
  }

  start(): void {
    this.#listener.start();
    this.#timer = setInterval(() => this.wake(), POLL_MS);
    this.#timer.unref();
  }

  /** Takes up nothing new and lets what is being sent come to its end. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#listener.close();
    await this.#running;
    await Promise.all(this.#sending.keys());
  }

  /** Looks soon for what there is to do. */
  wake(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        while (!this.#closed && (await this.#o.db.transaction(planDeliveries)) > 0);
        await this.#take();
      } catch (error) {
        this.#o.logger.warn("webhooks wait, because the database cannot be asked", { error });
      }
    }
  }

  async #take(): Promise<void> {
    const room = MAX_IN_FLIGHT - this.#sending.size;
    if (room <= 0 || this.#closed) return;
    const due = await claimDeliveries(this.#o.db, {
      limit: room,
      perWebhook: MAX_PER_WEBHOOK,
      perUser: MAX_PER_USER,
      leaseS: LEASE_S,
      underWay: [...this.#sending.values()],
    });
    for (const delivery of due) {
      const sending = this.#deliver(delivery)
        .catch((error: unknown) => {
          // Its lease ends, and then it is sent again.
          this.#o.logger.warn("the outcome of a webhook delivery could not be kept", { error });
        })
        .finally(() => {
          this.#sending.delete(sending);
          if (!this.#closed) this.wake();
        });
      this.#sending.set(sending, delivery);
    }
  }

  async #deliver(delivery: DueDelivery): Promise<void> {
    const { db } = this.#o;
    const outcome = await this.#send(delivery);
    await db.transaction(async (tx) => {
      if ("status" in outcome && outcome.status >= 200 && outcome.status < 300) {
        await markReceived(tx, delivery, outcome.status);
        return;
      }
      const [status, error] =
        "status" in outcome
          ? [outcome.status, `answered ${outcome.status}`]
          : [null, outcome.error];
      await markNotReceived(tx, delivery, { status, error }, RETRIES_S[delivery.attempts - 1]);
      const isGone = status === 410;
      const reason = isGone ? "it answered 410 Gone" : `it took nothing for three days: ${error}`;
      if (!(await disableWebhook(tx, delivery.webhookId, reason, isGone ? 0 : DISABLED_AFTER_S)))
        return;
      await notifyUser(tx, delivery.userId, {
        cause: `webhook:${delivery.webhookId}:disabled:${delivery.id}`,
        type: "webhook-disabled",
        title: "A webhook was disabled",
        body: `${delivery.url} is not sent to any more, because ${reason}.`,
        data: { webhookId: delivery.webhookId },
      });
    });
  }

  async #send(
    delivery: DueDelivery,
  ): Promise<{ readonly status: number } | { readonly error: string }> {
    const { db, config, logger, timeoutMs = TIMEOUT_MS } = this.#o;
    const secrets = (await secretsOf(db, delivery.webhookId)).flatMap((sealed) => {
      try {
        return [openSecret(config.ENCRYPTION_KEYS, sealed)];
      } catch (error) {
        logger.error("the secret of a webhook cannot be opened", { error });
        return [];
      }
    });
    if (secrets.length === 0) return { error: "its secret cannot be opened: rotate it" };
    const { eventId: id, body } = delivery;
    const headers = signedHeaders(secrets, { id, body }, Math.floor(Date.now() / 1_000));
    try {
      const options = { reach: reachOf(config), timeoutMs };
      return { status: await postPublicly(delivery.url, { headers, body }, options) };
    } catch (error) {
      if (error instanceof NotSentError) return { error: error.message };
      throw error;
    }
  }
}
