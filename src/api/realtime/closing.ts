import type { ApiSocket } from "./types.ts";

/**
 * Why a socket is closed by us, told to it as `closing` `{code, detail}` before. After some it makes sense to come back at once,
 * with the `lastSeq` it had: then the connection ends and socket.io's client reconnects by itself. After the others it would
 * only be closed or refused again: then socket.io's client is told to stay away until somebody calls `connect()`.
 */
export const CLOSING_REASONS = {
  slow_consumer: {
    detail: "you read too slowly, and too many events wait for you; come back with your lastSeq",
    comesBack: true,
  },
  replay_failed: {
    detail: "you could not be brought up to date; come back with your lastSeq",
    comesBack: true,
  },
  token_expired: { detail: "your access token has expired; log in again", comesBack: false },
  session_ended: { detail: "you have logged out", comesBack: false },
  too_many_requests: { detail: "you send too many events", comesBack: false },
} as const;

export type ClosingCode = keyof typeof CLOSING_REASONS;

/** How long a client has to take the last words. */
const LAST_WORDS_MS = 5_000;

/** Tells a socket why and closes it. */
export function closeSocket(socket: ApiSocket, code: ClosingCode): void {
  const { detail, comesBack } = CLOSING_REASONS[code];
  socket.emit("closing", { code, detail });
  if (!comesBack) socket.disconnect(true);
  else socket.conn.close();
  const { conn } = socket;
  const timer = setTimeout(() => conn.close(true), LAST_WORDS_MS);
  timer.unref();
  conn.once("close", () => clearTimeout(timer));
}

/** What engine.io keeps of a connection and does not tell in its types; written in version 6.6. */
interface Backlogged {
  writeBuffer: unknown[];
}

/** How many messages wait for a client to read what was sent before. */
export function backlogOf(socket: ApiSocket): number {
  return (socket.conn as unknown as Backlogged).writeBuffer.length;
}

/** Lets go of a client that reads too slowly, and of everything that waits for it. */
export function closeSlowSocket(socket: ApiSocket): void {
  (socket.conn as unknown as Backlogged).writeBuffer = [];
  closeSocket(socket, "slow_consumer");
}
