import pg from "pg";
import { unavailable } from "../errors.ts";

const DEFAULT_CONNECT_TIMEOUT_S = 5;
/** Longer than anybody waits, and shorter than what overflows a timer. */
const LONGEST_CONNECT_TIMEOUT_S = 3_600;

/**
 * `connect_timeout` of the URL, in seconds as libpq knows it, which node-postgres itself does not read. 5 s without it, or when
 * it is no number above zero: libpq's 0, "for ever", would let a server that is silent stop us.
 */
export function connectTimeoutMs(url: string): number {
  const given = Number(new URL(url).searchParams.get("connect_timeout") ?? Number.NaN);
  const timeoutS =
    given > 0 ? Math.min(given, LONGEST_CONNECT_TIMEOUT_S) : DEFAULT_CONNECT_TIMEOUT_S;
  return timeoutS * 1_000;
}

/** The kernel's own would begin after two hours. */
export const KEEPALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 } as const;

const GOOD_BYE_MS = 1_000;

type Answered = (...answer: readonly unknown[]) => void;

/** What node-postgres has and its types leave out. */
interface Inside {
  readonly processID: number | null;
  readonly connection: {
    readonly stream: { readonly bytesRead: number; destroy(error: Error): void };
  };
}

/**
 * A connection to Postgres that knows since when it waits for an answer. A server that goes away says so in an "error" event, and
 * Node ends the process for one that nobody listens to: it can come before the caller has the connection, or between two queries.
 * So there always is a listener; the "end" event and the next query tell the caller.
 */
export class Connection extends pg.Client {
  #pending = 0;
  #askedAtMs = 0;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    this.on("error", () => undefined);
    this.query = this.#counted(this.query.bind(this));
  }

  /** When the statement that is running was sent, as performance.now() has it; undefined while none is. */
  get waitingSinceMs(): number | undefined {
    return this.#pending === 0 ? undefined : this.#askedAtMs;
  }

  /** The id of the server's process for it, as the server, or a pooler before it, has told. */
  get backendPid(): number | null {
    return (this as unknown as Inside).processID;
  }

  get bytesRead(): number {
    return (this as unknown as Inside).connection.stream.bytesRead;
  }

  /** Ends it without a word to the server; whatever runs on it fails with the error. */
  destroy(error: Error): void {
    (this as unknown as Inside).connection.stream.destroy(error);
  }

  /** Says good-bye to the server, and does not wait long for its answer. */
  async close(): Promise<void> {
    const limit = setTimeout(() => this.destroy(silentConnection(GOOD_BYE_MS)), GOOD_BYE_MS);
    // It is closed either way: that the server could not be told changes nothing.
    await this.end().catch(() => undefined);
    clearTimeout(limit);
  }

  /** Statements of one connection run one after the other: each answer starts the clock of the next. */
  #counted(query: (...given: unknown[]) => unknown): typeof this.query {
    const begin = (): void => {
      if (this.#pending === 0) this.#askedAtMs = performance.now();
      this.#pending += 1;
    };
    const end = (): void => {
      this.#pending -= 1;
      this.#askedAtMs = performance.now();
    };
    const counted = (...given: unknown[]): unknown => {
      begin();
      const answered = given.at(-1);
      if (typeof answered === "function") {
        const others = given.slice(0, -1);
        return query(...others, (...answer: readonly unknown[]) => {
          end();
          (answered as Answered)(...answer);
        });
      }
      const result = query(...given);
      if (result instanceof Promise) result.then(end, end);
      else end();
      return result;
    };
    return counted as typeof this.query;
  }
}

/**
 * A connection that is not of a pool. Whoever makes it ends it.
 */
export function newClient(
  config: pg.ClientConfig & { readonly connectionString: string },
): Connection {
  return new Connection({
    connectionTimeoutMillis: connectTimeoutMs(config.connectionString),
    ...KEEPALIVE,
    ...config,
  });
}

/** The error of a connection whose server, or the way to it, is gone without having closed it. */
export function silentConnection(waitedMs: number): Error {
  return unavailable(
    "database_unavailable",
    `the connection to the database was silent for ${Math.round(waitedMs / 1_000)} s and is given up`,
  );
}
