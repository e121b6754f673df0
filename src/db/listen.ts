import type pg from "pg";
import type { Database } from "./database.ts";

export type Channel = "chain_wallet_pauses" | "events" | "outbox" | "chain_operations";

/**
 * Calls `onWake` for each NOTIFY on the channels and once after every (re)connection, as notifications sent while
 * there was no connection are lost. A wake-up carries no data: whoever is woken reads the table.
 */
export class Listener {
  readonly #db: Database;
  readonly #channels: readonly Channel[];
  readonly #onWake: (channel: Channel) => void;
  #client: pg.Client | undefined;
  #connecting: Promise<void> | undefined;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

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
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
    // One that was just being made ends itself.
    await this.#connecting;
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    try {
      const client = await this.#db.dedicated("listen");
      client.on("error", () => this.#reconnect(client));
      if (this.#closed) {
        await client.end();
        return;
      }
      this.#client = client;
      client.on("notification", ({ channel }) => this.#onWake(channel as Channel));
      client.on("end", () => this.#reconnect(client));
      for (const channel of this.#channels) await client.query(`LISTEN ${channel}`);
      for (const channel of this.#channels) this.#onWake(channel);
    } catch {
      // Whoever listens also polls, and readiness reports the database: here it is enough to try again.
      this.#reconnect(this.#client);
    }
  }

  #reconnect(client: pg.Client | undefined): void {
    if (this.#closed || client !== this.#client) return;
    this.#client = undefined;
    client?.end().catch(() => undefined);
    this.#retry = setTimeout(() => this.start(), 1_000);
  }
}
