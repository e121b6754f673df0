import { setTimeout as delay } from "node:timers/promises";
import { boundedFetch } from "../../../src/outside/bounded-fetch.ts";

export interface EventSyncOptions {
  /** Base URL below which the events go; undefined while no backend is known. */
  readonly url: () => string | undefined;
  readonly integrationSecret: string;
  readonly retryDelayMs: number;
  readonly signal: AbortSignal;
}

/** Where event_sync_component posts each event, below `${api_prefix}/events`. */
const PATHS = {
  "muc-room-created": "/room/created",
  "muc-room-destroyed": "/room/destroyed",
  "muc-occupant-joined": "/occupant/joined",
  "muc-occupant-left": "/occupant/left",
} as const;
type EventName = keyof typeof PATHS;

const TRIES = 4; // api_retry_count 3
const TIMEOUT_MS = 20_000;

/** Sends occupancy events as event_sync_component does: in the background, retried, bearer secret. In order, though Prosody does not promise it. */
export class EventSync {
  readonly #options: EventSyncOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: EventSyncOptions) {
    this.#options = options;
  }

  send(event: Readonly<Record<string, unknown>> & { readonly event_name: EventName }): void {
    this.#last = this.#last.then(() =>
      this.#deliver(PATHS[event.event_name], JSON.stringify(event)),
    );
  }

  /** Settles when everything sent so far, and what came of it, has been delivered or given up. */
  async flush(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.#last;) {
      seen = this.#last;
      await seen;
    }
  }

  async #deliver(path: string, body: string): Promise<void> {
    const { url, integrationSecret, retryDelayMs, signal } = this.#options;
    for (let left = TRIES; left > 0 && !signal.aborted; left -= 1) {
      const base = url();
      if (base === undefined) return;
      try {
        const headers = {
          "content-type": "application/json",
          authorization: `Bearer ${integrationSecret}`,
        };
        const { status } = await boundedFetch(`${base}${path}`, {
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
