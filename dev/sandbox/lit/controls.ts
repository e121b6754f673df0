import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Route } from "../http.ts";

const changes = z.strictObject({
  /** Actions run, and nothing is signed: the shape in which Lit says no. */
  denied: z.boolean().optional(),
  /** Signatures come from a key that is not the PKP. */
  otherKey: z.boolean().optional(),
  /** How many nodes the network lacks to its threshold; clients cannot connect. */
  missingNodes: z.int().min(0).max(10).optional(),
  /** Chipotle: the account has no credit left. */
  outOfCredit: z.boolean().optional(),
  /** How long every action waits before it runs, milliseconds. */
  delayMs: z.int().min(0).max(600_000).optional(),
  /** The sessions that were used so far have expired, whatever their signatures say. */
  expireSessions: z.literal(true).optional(),
});

export type LitControlChanges = Readonly<z.infer<typeof changes>>;

/** What the Lit sandbox does wrong on demand, beyond the faults of every sandbox. */
export class LitControls {
  denied = false;
  otherKey = false;
  missingNodes = 0;
  outOfCredit = false;
  delayMs = 0;
  /** Session keys that ran an action. */
  readonly sessions = new Set<string>();
  readonly expiredSessions = new Set<string>();
  readonly #holds: (() => Promise<void>)[] = [];

  change(given: LitControlChanges): void {
    const { expireSessions, ...rest } = given;
    Object.assign(this, rest);
    if (expireSessions === true) for (const key of this.sessions) this.expiredSessions.add(key);
  }

  /** Back to good behaviour; sessions that have expired stay so. */
  reset(): void {
    this.change({
      denied: false,
      otherKey: false,
      missingNodes: 0,
      outOfCredit: false,
      delayMs: 0,
    });
  }

  /** Holds the next action that arrives until it is released. */
  hold(): { readonly arrived: Promise<void>; readonly release: () => void } {
    const arrival = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    this.#holds.push(() => (arrival.resolve(), release.promise));
    return { arrived: arrival.promise, release: release.resolve };
  }

  async wait(signal: AbortSignal): Promise<void> {
    await this.#holds.shift()?.();
    if (this.delayMs > 0) await sleep(this.delayMs, undefined, { signal });
  }

  /** `POST /__sandbox/lit` with the changes as JSON; `DELETE` for good behaviour. */
  routes(): Route[] {
    return [
      {
        method: "POST",
        path: "/__sandbox/lit",
        handle: (request) => {
          const parsed = changes.safeParse(JSON.parse(request.text));
          if (!parsed.success) return { status: 422, body: { message: parsed.error.message } };
          this.change(parsed.data);
          return { status: 204 };
        },
      },
      {
        method: "DELETE",
        path: "/__sandbox/lit",
        handle: () => (this.reset(), { status: 204 }),
      },
    ];
  }
}
