import type { Connection } from "./connection.ts";
import type { Database } from "./database.ts";

export type Channel = "chain_wallet_pauses" | "events" | "outbox" | "chain_operations";

/** A connection that only listens would never find out that it has fallen silent: it asks now and then. */
const PROOF_EVERY_MS = 5_000;

/**
 * Calls `onWake` for each NOTIFY on the channels and once after every (re)connection, as notifications sent while
 * there was no connection are lost. A wake-up carries no data: whoever is woken reads the table.
 */
export class Listener {
  readonly #db: Database;
  readonly #channels: readonly Channel[];
  readonly #onWake: (channel: Channel) => void;
  #client: Connection | undefined;
  #connecting: Promise<void> | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #proof: NodeJS.Timeout | undefined;

  constructor(db: Database, channels: readonly Channel[], onWake: (channel: Channel) => void) {
    this.#db = db;
    this.#channels = channels;
    this.#onWake = onWake;
  }

  /** Connects and keeps connected, one second after each failure, until close. */
  start(): void {
    this.#connecting = this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#proof);
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
    // One that was just being made ends itself.
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    let client: Connection | undefined;
    try {
      const made = await this.#db.dedicated("listen");
      client = made;
      made.on("error", () => this.#reconnect(made));
      if (this.#closed) {
        await made.close();
        return;
      }
      this.#client = made;
      made.on("notification", ({ channel }) => this.#onWake(channel as Channel));
      made.on("end", () => this.#reconnect(made));
      for (const channel of this.#channels) await made.query(`LISTEN ${channel}`);
      if (this.#client !== made) return;
      this.#proof = setInterval(() => {
        made.query("SELECT 1").catch(() => this.#reconnect(made));
      }, PROOF_EVERY_MS);
      this.#proof.unref();
      for (const channel of this.#channels) this.#onWake(channel);
    } catch {
      // Whoever listens also polls, and readiness reports the database: here it is enough to try again.
      this.#reconnect(client);
    }
  }

  #reconnect(client: Connection | undefined): void {
    if (this.#closed || client !== this.#client) return;
    this.#client = undefined;
    clearInterval(this.#proof);
    void client?.close();
    this.#retry = setTimeout(() => this.start(), 1_000);
  }
}
