import type pg from "pg";
import { Connection, connectTimeoutMs, KEEPALIVE, silentConnection } from "./connection.ts";
import { SilenceWatch } from "./silence.ts";

export interface PoolOptions {
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

/** What every pool of this product has: limits on both sides, and a watch that finds connections which have fallen silent. */
export class PoolWatch {
  readonly #o: PoolOptions;
  readonly #silence: SilenceWatch;
  readonly #unused = new Set<Connection>();

  constructor(options: PoolOptions) {
    this.#o = options;
    this.#silence = new SilenceWatch({
      url: options.url,
      applicationName: options.applicationName,
      giveUpAfterMs: this.#statementTimeoutMs + SILENT_AFTER_LIMIT_MS,
      isUnused: (connection) => this.#unused.has(connection),
      onSilent: (waitedMs) => options.onError?.(silentConnection(waitedMs)),
    });
  }

  get #statementTimeoutMs(): number {
    return this.#o.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  }

  /** To make the pool of. */
  get config(): pg.PoolConfig {
    const { url, applicationName, maxConnections, idleInTransactionTimeoutMs } = this.#o;
    return {
      Client: Connection,
      connectionString: url,
      application_name: applicationName,
      max: maxConnections ?? 10,
      connectionTimeoutMillis: connectTimeoutMs(url),
      statement_timeout: this.#statementTimeoutMs,
      ...KEEPALIVE,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs ?? 15_000,
    };
  }

  /** Watches over the connections of the pool that was made. */
  watch(pool: pg.Pool): void {
    // An idle connection that breaks is replaced by the pool; without a listener Node would exit.
    pool.on("error", (error) => this.#o.onError?.(error));
    pool.on("connect", (client) => this.add(connectionOf(client)));
    pool.on("acquire", (client) => this.#unused.delete(connectionOf(client)));
    pool.on("release", (_error, client) => this.#unused.add(connectionOf(client)));
    pool.on("remove", (client) => this.#unused.delete(connectionOf(client)));
  }

  /** Watches over a connection that is of no pool. */
  add(connection: Connection): void {
    this.#silence.add(connection);
  }

  close(): void {
    this.#silence.close();
  }
}
