import pg from "pg";
import { unavailable } from "../errors.ts";
import { type Connection, newClient } from "./connection.ts";
import { type PoolOptions, PoolWatch } from "./pool.ts";

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

/** Deadlock, serialization failure: the transaction was rolled back, and the same work may succeed at once. */
const ROLLED_BACK = ["40P01", "40001"];

/** @throws AppError `database_busy` (retry) for what Postgres rolled back in favour of another transaction; else the error itself */
function rethrow(error: unknown): never {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string" && ROLLED_BACK.includes(code))
    throw unavailable(
      "database_busy",
      "the database gave way to another transaction; try again",
      error,
    );
  throw error;
}

/** Wraps a client so that it serves as Queryable. */
export function queryableOf(client: pg.ClientBase): Queryable {
  return {
    async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
      const result = await client.query<T>(sql, [...parameters]).catch(rethrow);
      return result.rows;
    },
  };
}

/** Runs `work` in a transaction of a connection. */
export async function transactionOn<T>(
  client: pg.ClientBase,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  await client.query("BEGIN");
  try {
    const value = await work(queryableOf(client));
    await client.query("COMMIT").catch(rethrow);
    return value;
  } catch (error) {
    // A connection that broke has rolled back by itself; the first error is the one that explains.
    await client.query("ROLLBACK").catch((rollbackError: unknown) => {
      if (error instanceof Error && error.cause === undefined) error.cause = rollbackError;
    });
    throw error;
  }
}

/** The connection pool of a process. */
export class Database implements Transactor {
  readonly #pool: pg.Pool;
  readonly #options: PoolOptions;
  readonly #watch: PoolWatch;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#watch = new PoolWatch(options);
    this.#pool = new pg.Pool({ ...this.#watch.config, types });
    this.#watch.watch(this.#pool);
  }

  async query<T extends object>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    const result = await this.#pool.query<T>(sql, [...parameters]).catch(rethrow);
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
    this.#watch.add(client);
    return client;
  }

  async close(): Promise<void> {
    try {
      await this.#pool.end();
    } finally {
      this.#watch.close();
    }
  }
}

/**
 * The clock of the database, in Unix milliseconds: by it comings and goings are written down, and so it is what decides of them. That
 * of a worker may be minutes off.
 */
export async function clockMs(db: Queryable): Promise<number> {
  const [row] = await db.query<{ ms: number }>(
    "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms",
  );
  return row?.ms ?? Date.now();
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
