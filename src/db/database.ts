import pg from "pg";
import { unavailable } from "../errors.ts";
import {
  Connection,
  connectTimeoutMs,
  KEEPALIVE,
  newClient,
  silentConnection,
} from "./connection.ts";
import { SilenceWatch } from "./silence.ts";

/** bigint columns hold block numbers, nonces and seconds, all far below 2^53; wei is numeric and stays text. */
const types = {
  getTypeParser: ((oid, format) =>
    oid === pg.types.builtins.INT8 && format !== "binary"
      ? Number
      : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** What SQL runs on: the pool, one transaction, or the connection of a leader. */
export interface Queryable {
  query<T extends object>(sql: string, parameters?: readonly unknown[]): Promise<T[]>;
}

/** Something that can run a transaction. */
export interface Transactor extends Queryable {
  /** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
}

/** Wraps a client so that it serves as Queryable. */
function queryableOf(client: pg.ClientBase): Queryable {
  return {
    async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
      const result = await client.query<T>(sql, [...parameters]);
      return result.rows;
    },
  };
}

async function transactionOn<T>(
  client: pg.ClientBase,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  await client.query("BEGIN");
  try {
    const value = await work(queryableOf(client));
    await client.query("COMMIT");
    return value;
  } catch (error) {
    // A connection that broke has rolled back by itself; the first error is the one that explains.
    await client.query("ROLLBACK").catch((rollbackError: unknown) => {
      if (error instanceof Error && error.cause === undefined) error.cause = rollbackError;
    });
    throw error;
  }
}

export interface DatabaseOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly maxConnections?: number;
  /** 30 s by default. How long a connection may take says the URL. */
  readonly statementTimeoutMs?: number;
  /** 15 s by default. A process that is frozen in the middle of a transaction must not hold its locks against all the others. */
  readonly idleInTransactionTimeoutMs?: number;
  readonly onError?: (error: Error) => void;
}

/** No request hangs for ever. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** Where slow cannot be told from silent, a statement may take this much longer than the server allows those of the pool. */
const SILENT_AFTER_LIMIT_MS = 5_000;

/** The pool makes its clients of the class that it is given, and its types do not know. */
const connectionOf = (client: pg.PoolClient): Connection => client as unknown as Connection;

/** The connection pool of a process. */
export class Database implements Transactor {
  readonly #pool: pg.Pool;
  readonly #options: DatabaseOptions;
  readonly #silence: SilenceWatch;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    const unused = new Set<Connection>();
    const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
    this.#silence = new SilenceWatch({
      url: options.url,
      applicationName: options.applicationName,
      giveUpAfterMs: statementTimeoutMs + SILENT_AFTER_LIMIT_MS,
      isUnused: (connection) => unused.has(connection),
      onSilent: (waitedMs) => options.onError?.(silentConnection(waitedMs)),
    });
    this.#pool = new pg.Pool({
      Client: Connection,
      connectionString: options.url,
      application_name: options.applicationName,
      max: options.maxConnections ?? 10,
      connectionTimeoutMillis: connectTimeoutMs(options.url),
      statement_timeout: statementTimeoutMs,
      ...KEEPALIVE,
      idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 15_000,
      types,
    });
    // An idle connection that breaks is replaced by the pool; without a listener Node would exit.
    this.#pool.on("error", (error) => options.onError?.(error));
    this.#pool.on("connect", (client) => this.#silence.add(connectionOf(client)));
    this.#pool.on("acquire", (client) => unused.delete(connectionOf(client)));
    this.#pool.on("release", (_error, client) => unused.add(connectionOf(client)));
    this.#pool.on("remove", (client) => unused.delete(connectionOf(client)));
  }

  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const result = await this.#pool.query<T>(sql, [...parameters]);
    return result.rows;
  }

  async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on("error", onError);
    try {
      return await transactionOn(client, work);
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  /** A connection of its own, outside the pool, for LISTEN and for leadership. The caller ends it. */
  async dedicated(purpose: string): Promise<Connection> {
    const client = newClient({
      connectionString: this.#options.url,
      application_name: `${this.#options.applicationName} ${purpose}`,
      types,
    });
    await client.connect();
    this.#silence.add(client);
    return client;
  }

  async close(): Promise<void> {
    try {
      await this.#pool.end();
    } finally {
      this.#silence.close();
    }
  }
}

/** The first row, or undefined. */
export async function first<T extends object>(
  db: Queryable,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<T | undefined> {
  const rows = await db.query<T>(sql, parameters);
  return rows[0];
}

/**
 * The connection that holds a session-level advisory lock. Everything the leader writes goes through it, so a
 * leader that lost the lock (its connection was terminated or broke) cannot write any more: this is the fence.
 */
export class LeaderConnection implements Transactor {
  readonly #client: pg.Client;
  readonly #lost: Promise<never>;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(client: pg.Client, lost: Promise<never>) {
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

  /** One connection runs one thing at a time: a query between another's BEGIN and COMMIT would join it. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(() => Promise.race([work(), this.#lost]));
    this.#queue = mine.catch(() => undefined);
    return mine;
  }
}

/** How long a new leader waits for the old one to go by itself before it ends the old one's connection. */
const TAKEOVER_AFTER_MS = 3_000;

/**
 * Runs `work` while holding the advisory lock `name`. If somebody else holds it for longer than TAKEOVER_AFTER_MS, the
 * holder's connection is terminated: Temporal has already decided that the holder's heartbeat stopped, so it is a
 * process that is frozen or cut off, and its next write must fail.
 * @throws AppError `leadership_lost` (retry) when the connection breaks while working.
 */
export async function withLeadership<T>(
  db: Database,
  name: string,
  signal: AbortSignal,
  work: (leader: LeaderConnection) => Promise<T>,
): Promise<T> {
  const client = await db.dedicated(`leader ${name}`);
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => undefined);
  const lose = (error?: Error): void =>
    reject(unavailable("leadership_lost", `the connection that held "${name}" is gone`, error));
  client.on("error", lose);
  client.on("end", () => lose());
  try {
    const startedAtMs = Date.now();
    for (;;) {
      signal.throwIfAborted();
      const [row] = (
        await client.query<{ locked: boolean }>(
          "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked",
          [name],
        )
      ).rows;
      if (row?.locked === true) break;
      if (Date.now() - startedAtMs >= TAKEOVER_AFTER_MS) {
        await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_locks
           WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND objsubid = 1 AND ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, 0)`,
          [name],
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return await work(new LeaderConnection(client, lost));
  } finally {
    await client.close();
  }
}
