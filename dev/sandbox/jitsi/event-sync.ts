import { setTimeout as delay } from "node:timers/promises";
import { boundedFetch } from "../../../src/para/bounded-fetch.ts";

export interface EventSyncOptions {
  readonly url: () => string | undefined;
  readonly integrationSecret: string;
  readonly retryDelayMs: number;
  readonly signal: AbortSignal;
}

const TRIES = 4; // api_retry_count 3
const TIMEOUT_MS = 20_000;

/** Sends occupancy events as event_sync_component does: in the background, retried, bearer secret. In order, though Prosody does not promise it. */
export class EventSync {
  readonly #options: EventSyncOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: EventSyncOptions) {
    this.#options = options;
  }

  send(event: Readonly<Record<string, unknown>>): void {
    this.#last = this.#last.then(() => this.#deliver(JSON.stringify(event)));
  }

  /** Settles when everything sent so far has been delivered or given up. */
  flush(): Promise<void> {
    return this.#last;
  }

  async #deliver(body: string): Promise<void> {
    const { url, integrationSecret, retryDelayMs, signal } = this.#options;
    for (let left = TRIES; left > 0 && !signal.aborted; left -= 1) {
      const target = url();
      if (target === undefined) return;
      try {
        const headers = {
          "content-type": "application/json",
          authorization: `Bearer ${integrationSecret}`,
        };
        const { status } = await boundedFetch(target, {
          method: "POST",
          headers,
          body,
          timeoutMs: TIMEOUT_MS,
        });
        if (status < 500) return;
      } catch {
        // Counts as a failed try.
      }
      await delay(retryDelayMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
