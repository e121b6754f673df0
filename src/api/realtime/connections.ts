import type { ApiSocket } from "./types.ts";

type Connection = ApiSocket["conn"];

/** The connections of each user to this node. */
export class Connections {
  readonly #byUser = new Map<string, Set<Connection>>();
  readonly #inUse = new WeakSet<Connection>();
  readonly #limit: number;

  constructor(limitPerUser: number) {
    this.#limit = limitPerUser;
  }

  /**
   * Takes a connection for one socket. False when it has one, or one that is being let in: socket.io would make a socket of each
   * handshake that comes before the first is answered, and all of them would count as one connection.
   */
  take(connection: Connection): boolean {
    if (this.#inUse.has(connection)) return false;
    this.#inUse.add(connection);
    return true;
  }

  /** Its socket is gone, or was not let in: another may come over it. */
  release(connection: Connection): void {
    this.#inUse.delete(connection);
  }

  /** Counts a connection until it closes; false when its user has as many as there may be. */
  add(userId: string, connection: Connection): boolean {
    const mine = this.#byUser.get(userId) ?? new Set<Connection>();
    if (mine.has(connection)) return true;
    if (mine.size >= this.#limit) return false;
    // One that is gone already will not say so again.
    if (connection.readyState !== "open") return true;
    this.#byUser.set(userId, mine.add(connection));
    connection.once("close", () => {
      mine.delete(connection);
      if (mine.size === 0) this.#byUser.delete(userId);
    });
    return true;
  }
}
