import { randomBytes } from "node:crypto";
import type { Socket } from "socket.io-client";
import { recordEvents } from "../../src/db/events.ts";
import type { Database } from "../../src/db/database.ts";
import { once, type TestApi } from "../support/api.ts";

export interface Envelope {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly occurredAt: string;
  readonly data: Record<string, unknown>;
}

/** Connects and waits until the socket is live; `got` collects every event of the types given. */
export async function connect(
  on: TestApi,
  auth: object,
  types: readonly string[] = [],
  headers: Record<string, string> = {},
): Promise<{ socket: Socket; got: Envelope[]; ready: Envelope }> {
  const socket = on.socket(auth, headers);
  const got: Envelope[] = [];
  for (const type of types) socket.on(type, (event: Envelope) => got.push(event));
  const ready = Promise.race([
    once<Envelope>(socket, "ready"),
    once<Error>(socket, "connect_error").then((error) => Promise.reject(error)),
  ]);
  socket.connect();
  return { socket, got, ready: await ready };
}

/** Writes one event as a transaction of its own. */
export const tell = (
  db: Database,
  type: string,
  audience: readonly string[],
  data: object = {},
): Promise<void> => db.transaction((tx) => recordEvents(tx, [{ type, audience, data }]));

/** Ends when the condition holds; the test's own time-out is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A type of event that no other test uses. */
export const kind = (): string => `kind-${randomBytes(4).toString("hex")}`;
