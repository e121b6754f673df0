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
 * Finds silent connections: a load balancer, a NAT or a host went away, nothing was closed, and a statement would wait forever. A slow
 * statement must not be cut off. So one that has waited for a while is looked up over another connection: the server process works on
 * it, or has answered long ago, or does not exist. The latter two are silence: the connection is destroyed here and terminated there,
 * which frees its locks.
 */
export class SilenceWatch {
  readonly #o: SilenceOptions;
  readonly #connections = new Set<Connection>();
  /** When the statement of a connection was last seen at work, and how much had been read by then. */
  readonly #seen = new WeakMap<Connection, { readonly atMs: number; readonly bytesRead: number }>();
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
      Math.min(waitedMs(one, nowMs), nowMs - (this.#seen.get(one)?.atMs ?? -Infinity));
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
      const { rows } = await looker.query<{ own: number; busy: number[]; writing: number[] }>(
        `WITH active AS (SELECT pid, wait_event FROM pg_stat_activity
           WHERE pid = ANY($1::int[]) AND state IN ('active', 'fastpath function call'))
         SELECT pg_backend_pid() AS own, ARRAY(SELECT pid FROM active) AS busy,
           ARRAY(SELECT pid FROM active WHERE wait_event = 'ClientWrite') AS writing`,
        [pids],
      );
      // A pooler in between has ids of its own: what they stand for cannot be seen.
      const [seen] = rows;
      if (seen === undefined || seen.own !== looker.backendPid) return;
      const nowMs = performance.now();
      const silent = before.filter(({ one, sinceMs, bytesRead }) => {
        const pid = one.backendPid ?? 0;
        // One that waits for us to read what it sends, of which nothing has come since the last look, has nothing else to do.
        const isStuck = seen.writing.includes(pid) && this.#seen.get(one)?.bytesRead === bytesRead;
        if (seen.busy.includes(pid) && !isStuck) {
          this.#seen.set(one, { atMs: nowMs, bytesRead });
          return false;
        }
        // Not answered meanwhile, not even in part.
        return one.waitingSinceMs === sinceMs && one.bytesRead === bytesRead;
      });
      if (silent.length === 0) return;
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
    // Others may be silent too, and no caller should wait to find out: unused ones are destroyed, the rest are asked.
    for (const one of this.#connections)
      if (this.#o.isUnused(one)) one.destroy(silentConnection(waited));
      else if (one.waitingSinceMs === undefined) one.query("SELECT 1").catch(() => undefined);
  }
}

function waitedMs(connection: Connection, nowMs: number): number {
  const { waitingSinceMs } = connection;
  return waitingSinceMs === undefined ? 0 : nowMs - waitingSinceMs;
}
