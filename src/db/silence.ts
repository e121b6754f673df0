import { type Connection, newClient, silentConnection } from "./connection.ts";

/** A statement without an answer for so long is looked at, in milliseconds. */
const LOOK_AFTER_MS = 3_000;
const ROUND_MS = 500;
/** A statement that was found at work is looked at again after so long. */
const LOOK_AGAIN_AFTER_MS = 3_000;
/** A look that takes longer than this has failed. */
const LOOK_LIMIT_MS = 3_000;

export interface SilenceOptions {
  readonly url: string;
  readonly applicationName: string;
  /** Where nobody can tell slow from silent, a statement is given up after so long. */
  readonly giveUpAfterMs: number;
  /** Whether a connection waits in the pool for somebody to use it. */
  readonly isUnused: (connection: Connection) => boolean;
  readonly onSilent?: (waitedMs: number) => void;
}

/**
 * Finds connections that have fallen silent: a load balancer, a NAT or a host went away, nothing was closed, and whoever waits for an
 * answer would wait for ever. What is merely slow must not be cut off. So a statement that has waited for a while is looked up, over
 * another connection: its server process works on it, or has long answered, or is not there. The latter two are silence: the
 * connection is destroyed here, and ended there, so that the locks which it held are free.
 */
export class SilenceWatch {
  readonly #o: SilenceOptions;
  readonly #connections = new Set<Connection>();
  /** When the statement of a connection was last seen at work. */
  readonly #busyAtMs = new WeakMap<Connection, number>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(options: SilenceOptions) {
    this.#o = options;
    this.#timer = setInterval(() => void this.#round(), ROUND_MS);
    this.#timer.unref();
  }

  /** Watches a connection until it ends. */
  add(connection: Connection): void {
    this.#connections.add(connection);
    connection.once("end", () => this.#connections.delete(connection));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #round(): Promise<void> {
    const nowMs = performance.now();
    /** For how long nothing was known of the statement that runs on a connection. */
    const unknownMs = (one: Connection): number =>
      Math.min(waitedMs(one, nowMs), nowMs - (this.#busyAtMs.get(one) ?? -Infinity));
    for (const one of this.#connections)
      if (unknownMs(one) > this.#o.giveUpAfterMs) this.#giveUp(one, nowMs);
    const late = [...this.#connections].filter(
      (one) => waitedMs(one, nowMs) > LOOK_AFTER_MS && unknownMs(one) > LOOK_AGAIN_AFTER_MS,
    );
    if (late.length === 0 || this.#looking) return;
    this.#looking = true;
    try {
      await this.#look(late);
    } catch {
      // The database cannot be asked now: nothing is known, and giveUpAfterMs is the limit.
    } finally {
      this.#looking = false;
    }
  }

  async #look(late: readonly Connection[]): Promise<void> {
    const before = late.map((one) => ({
      one,
      sinceMs: one.waitingSinceMs,
      bytesRead: one.bytesRead,
    }));
    const looker = newClient({
      connectionString: this.#o.url,
      application_name: `${this.#o.applicationName} looks for silent connections`,
      connectionTimeoutMillis: LOOK_LIMIT_MS,
      query_timeout: LOOK_LIMIT_MS,
    });
    try {
      await looker.connect();
      const pids = late.map((one) => one.backendPid);
      const { rows } = await looker.query<{ own: number; busy: number[] }>(
        `SELECT pg_backend_pid() AS own,
           ARRAY(SELECT pid FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND state IN ('active', 'fastpath function call')
             -- One that waits for us to read what it sends has nothing else to do.
             AND NOT (wait_event_type = 'Client' AND state_change < clock_timestamp() - interval '3 seconds' AND wait_event = 'ClientWrite')) AS busy`,
        [pids],
      );
      // A pooler in between has ids of its own: what they stand for cannot be seen.
      const [seen] = rows;
      if (seen === undefined || seen.own !== looker.backendPid) return;
      const seenAtMs = performance.now();
      for (const { one } of before)
        if (one.backendPid !== null && seen.busy.includes(one.backendPid))
          this.#busyAtMs.set(one, seenAtMs);
      const silent = before.filter(
        ({ one, sinceMs, bytesRead }) =>
          one.backendPid !== null &&
          !seen.busy.includes(one.backendPid) &&
          // Not answered meanwhile, not even in part.
          one.waitingSinceMs === sinceMs &&
          one.bytesRead === bytesRead,
      );
      if (silent.length === 0) return;
      const nowMs = performance.now();
      for (const { one } of silent) this.#giveUp(one, nowMs);
      await looker.query("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", [
        silent.map(({ one }) => one.backendPid),
      ]);
    } finally {
      await looker.close();
    }
  }

  #giveUp(connection: Connection, nowMs: number): void {
    const waited = waitedMs(connection, nowMs);
    this.#connections.delete(connection);
    connection.destroy(silentConnection(waited));
    this.#o.onSilent?.(waited);
    // Others may have gone the same way. Nobody shall have to wait to find out: those that nobody uses go, the others are asked.
    for (const one of this.#connections)
      if (this.#o.isUnused(one)) one.destroy(silentConnection(waited));
      else if (one.waitingSinceMs === undefined) one.query("SELECT 1").catch(() => undefined);
  }
}

function waitedMs(connection: Connection, nowMs: number): number {
  const { waitingSinceMs } = connection;
  return waitingSinceMs === undefined ? 0 : nowMs - waitingSinceMs;
}
