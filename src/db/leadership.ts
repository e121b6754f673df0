import { unavailable } from "../errors.ts";
import type { Connection } from "./connection.ts";
import {
  type Database,
  type Queryable,
  queryableOf,
  type Transactor,
  transactionOn,
} from "./database.ts";

/**
 * The connection that holds a session-level advisory lock. Everything the leader writes goes through it, so a
 * leader that lost the lock (its connection was terminated or broke) cannot write any more: this is the fence.
 */
export class LeaderConnection implements Transactor {
  readonly #client: Connection;
  readonly #lost: Promise<never>;
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(client: Connection, lost: Promise<never>) {
    this.#client = client;
    this.#lost = lost;
  }

  /** Rejects when the connection, and with it the lock, is lost. Never resolves. */
  get lost(): Promise<never> {
    return this.#lost;
  }

  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    return this.#inTurn(() => queryableOf(this.#client).query<T>(sql, parameters));
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    return this.#inTurn(() => transactionOn(this.#client, work));
  }

  /**
   * Shows others that this process lives: they see in pg_stat_activity when the connection last did something. Nothing is done while
   * it works.
   */
  beat(): void {
    if (this.#waiting > 0) return;
    this.query("SELECT 1").catch(() => undefined);
  }

  /** One connection runs one thing at a time: a query between another's BEGIN and COMMIT would join it. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const mine = this.#queue.then(() => Promise.race([work(), this.#lost]));
    this.#queue = mine
      .catch(() => undefined)
      .finally(() => {
        this.#waiting -= 1;
      });
    return mine;
  }
}

/** In the name of every connection whose leader beats. Leaders of an older build do not: nothing follows from their being quiet. */
const BEATS = "beating leader";

/** How long a new leader waits for the old one to go by itself before it ends the old one's connection. */
const TAKEOVER_AFTER_MS = 1_500;

/** The rows of pg_locks that are the advisory lock of a name. */
const holds = (name: string): string =>
  `locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(${name}, 0)`;

/**
 * Runs `work` while holding the advisory lock `name`. If somebody else holds it for longer than TAKEOVER_AFTER_MS, the
 * holder's connection is terminated: Temporal has already decided that the holder's heartbeat stopped, so it is a
 * process that is frozen or cut off, or one that only took care meanwhile, and its next write must fail.
 * @throws AppError `leadership_lost` (retry) when the connection breaks while working.
 */
export async function withLeadership<T>(
  db: Database,
  name: string,
  signal: AbortSignal,
  work: (leader: LeaderConnection) => Promise<T>,
): Promise<T> {
  return onConnection(db, name, async (client, leader) => {
    const startedAtMs = performance.now();
    for (;;) {
      signal.throwIfAborted();
      if (await tryLock(client, name)) return work(leader);
      if (performance.now() - startedAtMs >= TAKEOVER_AFTER_MS)
        await client.query(
          // npm run reindex holds the lock for one long transaction, and nobody has given its work to somebody else.
          `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
           WHERE l.pid <> pg_backend_pid() AND ${holds("$1")}
             AND NOT (a.application_name LIKE 'reindex %' AND (a.state = 'active' OR a.state_change > clock_timestamp() - interval '15 seconds'))`,
          [name],
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
}

/**
 * The same where nobody holds the lock, or the one whose server process is `from`: that one is ended first.
 * Undefined when somebody else was quicker.
 * @throws AppError `leadership_lost` (retry) when the connection breaks while working.
 */
export async function takeLeadership<T>(
  db: Database,
  name: string,
  from: number | undefined,
  work: (leader: LeaderConnection) => Promise<T>,
): Promise<T | undefined> {
  return onConnection(db, name, async (client, leader) => {
    if (from !== undefined)
      await client.query(
        `SELECT pg_terminate_backend(pid, 1000) FROM pg_locks WHERE pid = $2 AND ${holds("$1")}`,
        [name, from],
      );
    return (await tryLock(client, name)) ? work(leader) : undefined;
  });
}

/** Who holds a lock, and for how long nothing was heard of that connection. */
export interface Holder {
  readonly name: string;
  /** Of the server's process; null when nobody holds the lock. */
  readonly pid: number | null;
  /** `executing`: the server works for it. `open`: a transaction is open, and the server waits for the leader. */
  readonly doing: "executing" | "open" | "nothing";
  readonly quietMs: number;
}

/** The holders of the locks, as Postgres has them now. */
export function holdersOf(db: Queryable, names: readonly string[]): Promise<Holder[]> {
  return db.query<Holder>(
    `SELECT name, l.pid,
       CASE WHEN a.state = 'idle' THEN 'nothing'
         WHEN a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client' THEN 'executing' ELSE 'open' END AS doing,
       CASE WHEN a.application_name LIKE '%${BEATS}%'
         THEN (extract(epoch FROM clock_timestamp() - a.state_change) * 1000)::int ELSE 0 END AS "quietMs"
     FROM unnest($1::text[]) AS name LEFT JOIN pg_locks l ON ${holds("name")} LEFT JOIN pg_stat_activity a ON a.pid = l.pid`,
    [names],
  );
}

async function tryLock(client: Connection, name: string): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked",
    [name],
  );
  return rows[0]?.locked === true;
}

async function onConnection<T>(
  db: Database,
  name: string,
  work: (client: Connection, leader: LeaderConnection) => Promise<T>,
): Promise<T> {
  const client = await db.dedicated(`${BEATS} ${name}`);
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => undefined);
  const lose = (error?: Error): void =>
    reject(unavailable("leadership_lost", `the connection that held "${name}" is gone`, error));
  client.on("error", lose);
  client.on("end", () => lose());
  try {
    return await work(client, new LeaderConnection(client, lost));
  } finally {
    await client.close();
  }
}
