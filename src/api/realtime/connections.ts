import type { ApiSocket } from "./types.ts";

type Connection = ApiSocket["conn"];

/** The connections of each user to this node. */
export class Connections {
  readonly #byUser = new Map<string, Set<Connection>>();
  readonly #limit: number;

  constructor(limitPerUser: number) {
    this.#limit = limitPerUser;
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
