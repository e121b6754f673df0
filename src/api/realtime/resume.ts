import { randomUUID } from "node:crypto";
import type { Database } from "../../db/database.ts";
import { findAccount, INTERNAL_EVENT_TYPES, WALLET_BOUND } from "../../db/people.ts";
import { eventsFor, type EventRow, lastEventSeq, prunedThrough } from "../../db/feed.ts";
import { existingAuctions, type Deployment } from "../../db/reads.ts";
import { audienceOf, envelope } from "../events/envelope.ts";
import { closeSocket } from "./closing.ts";
import type { EventTailer } from "./tailer.ts";
import { type ApiSocket, auctionRoom, REPLAY_LIMIT, walletRoom } from "./types.ts";

/** A socket between its connection and its rooms: what the tailer hands on meanwhile is kept for it here. */
interface Arrival {
  readonly socket: ApiSocket;
  readonly held: EventRow[];
}

/**
 * Brings sockets from connection to live without a gap and without a duplicate.
 *
 * At the moment of arrival the tailer stands at `position`. From then on everything it hands on is held for the socket;
 * everything up to there that the client missed is read from the table. Then, in one synchronous step, the held events
 * are sent and the rooms are joined: what was held came before the joining, what comes after it comes through the rooms.
 */
export class Arrivals {
  readonly #db: Database;
  readonly #tailer: EventTailer;
  readonly #at: Deployment;
  readonly #arriving = new Set<Arrival>();

  constructor(db: Database, tailer: EventTailer, at: Deployment) {
    this.#db = db;
    this.#tailer = tailer;
    this.#at = at;
  }

  /** Called by the tailer with every event. */
  hold(event: EventRow): void {
    for (const arrival of this.#arriving) arrival.held.push(event);
  }

  /** Those of a user that are not in their rooms yet, in whose place `take` obeys what concerns rooms. */
  ofUser(userId: string): readonly ApiSocket[] {
    return [...this.#arriving]
      .filter((one) => one.socket.data.userId === userId)
      .map((one) => one.socket);
  }

  /** Replays what the socket missed and takes it live. */
  async take(socket: ApiSocket): Promise<void> {
    const position = this.#tailer.position;
    const arrival: Arrival = { socket, held: [] };
    this.#arriving.add(arrival);
    try {
      // Asked again, now that events are held: a logout between the handshake and here must not be missed.
      const account = await findAccount(this.#db, socket.data.userId);
      if (account === undefined || account.sessionEpoch !== socket.data.epoch) {
        closeSocket(socket, "session_ended");
        return;
      }
      const auctions =
        socket.data.auctions.length === 0
          ? []
          : await existingAuctions(this.#db, this.#at, socket.data.auctions);
      // An auction that a reorganisation has just taken away is followed too: it mostly comes back.
      const rooms = new Set([...audienceOf(account), ...socket.data.auctions.map(auctionRoom)]);
      const seen = await this.#replay(socket, [...rooms], position);
      if (!socket.connected) return;
      for (const event of arrival.held) {
        if (event.seq <= seen || !event.audience.some((room) => rooms.has(room))) continue;
        if (!INTERNAL_EVENT_TYPES.includes(event.type)) socket.emit(event.type, envelope(event));
        // From here on in the order of events, and not a moment sooner.
        if (event.type === WALLET_BOUND) rooms.add(walletRoom(event));
      }
      void socket.join([...rooms]);
      socket.emit("ready", service("ready", Math.max(seen, this.#tailer.position), { auctions }));
    } finally {
      this.#arriving.delete(arrival);
    }
  }

  /** Sends what was missed up to `position`, and returns the seq up to which the client has everything. */
  async #replay(socket: ApiSocket, rooms: readonly string[], position: number): Promise<number> {
    const lastSeq = socket.data.lastSeq;
    if (lastSeq === undefined) return position;
    if (lastSeq > position) {
      // Another node was ahead of this one, or the client is making it up.
      if (lastSeq > (await lastEventSeq(this.#db))) return this.#resync(socket, lastSeq, position);
      await this.#tailer.catchUp();
      return lastSeq;
    }
    const missed = await eventsFor(this.#db, rooms, {
      after: lastSeq,
      upTo: position,
      without: INTERNAL_EVENT_TYPES,
      limit: REPLAY_LIMIT + 1,
    });
    if (missed.length > REPLAY_LIMIT) return this.#resync(socket, lastSeq, position);
    // Asked after reading: what was pruned before that was not read, and nobody may take the rest for everything.
    if (lastSeq < (await prunedThrough(this.#db))) return this.#resync(socket, lastSeq, position);
    for (const event of missed) socket.emit(event.type, envelope(event));
    return position;
  }

  #resync(socket: ApiSocket, lastSeq: number, position: number): number {
    socket.emit("resync-required", service("resync-required", position, { lastSeq }));
    return position;
  }
}

/** An envelope of the connection itself, not out of the table: its seq is where the client stands after it. */
function service(type: string, seq: number, data: Record<string, unknown>) {
  return { seq, id: randomUUID(), type, occurredAt: new Date().toISOString(), data };
}
