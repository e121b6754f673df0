import type { Server as HttpServer } from "node:http";
import { Server } from "socket.io";
import { INTERNAL_EVENT_TYPES, SESSION_ENDED, WALLET_BOUND } from "../../db/people.ts";
import type { EventRow } from "../../db/feed.ts";
import { messageOf } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import { deploymentOf } from "../deployment.ts";
import { envelope } from "../events/envelope.ts";
import { originCheck } from "../middleware/security.ts";
import { backlogOf, closeSlowSocket, closeSocket } from "./closing.ts";
import { admit } from "./handshake.ts";
import { followAuctions } from "./membership.ts";
import { Arrivals } from "./resume.ts";
import { EventTailer } from "./tailer.ts";
import { type ApiServer, type ApiSocket, walletRoom } from "./types.ts";

const MAX_MESSAGE_BYTES = 16 * 1_024;
/** The longest a Node timer can run. */
const MAX_TIMER_MS = 2_147_483_647;
/** How often it is looked for clients that read too slowly. */
const BACKLOG_CHECK_MS = 1_000;

export interface Realtime {
  readonly io: ApiServer;
  /** Starts following the events table; sockets may connect from then on. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The socket.io server of one node. It needs no broker: each node follows the events table for its own sockets. */
export function createRealtime(httpServer: HttpServer, deps: ApiDeps): Realtime {
  const { logger, metrics } = deps;
  const isAllowed = originCheck(deps.config, deps.logger);
  const io: ApiServer = new Server(httpServer, {
    serveClient: false,
    maxHttpBufferSize: MAX_MESSAGE_BYTES,
    connectTimeout: 10_000,
    cors: { origin: (origin, answer) => answer(null, origin !== undefined && isAllowed(origin)) },
    // The cors option does not concern WebSockets. A request without Origin comes from no browser, so no page sent it.
    allowRequest: (request, answer) => {
      const origin = request.headers.origin;
      const allowed = origin === undefined || isAllowed(origin);
      answer(allowed ? null : "origin not allowed", allowed);
    },
  });
  const tailer = new EventTailer({
    db: deps.db,
    logger,
    wakeUps: deps.wakeUps,
    onEvent: (event) => handOn(event),
  });
  const arrivals = new Arrivals(deps.db, tailer, deploymentOf(deps));

  function liveSocketsOf(userId: string): readonly ApiSocket[] {
    const inRoom = io.sockets.adapter.rooms.get(`user:${userId}`) ?? new Set<string>();
    return [...inRoom].flatMap((id) => io.sockets.sockets.get(id) ?? []);
  }

  function handOn(event: EventRow): void {
    arrivals.hold(event);
    if (INTERNAL_EVENT_TYPES.includes(event.type)) {
      obey(event);
      return;
    }
    io.to([...event.audience]).emit(event.type, envelope(event));
    metrics?.eventEmitted(
      event.type,
      Math.max(0, (Date.now() - event.occurredAt.getTime()) / 1_000),
    );
  }

  /** Events that nodes tell one another. */
  function obey(event: EventRow): void {
    const userId = event.audience[0]?.replace(/^user:/, "") ?? "";
    const live = liveSocketsOf(userId);
    if (event.type === WALLET_BOUND) for (const socket of live) void socket.join(walletRoom(event));
    const { epoch } = event.data as { epoch?: number };
    if (event.type === SESSION_ENDED && epoch !== undefined)
      for (const socket of [...live, ...arrivals.ofUser(userId)])
        if (socket.data.epoch < epoch) closeSocket(socket, "session_ended");
  }

  const backlogCheck = setInterval(() => {
    for (const socket of io.sockets.sockets.values()) {
      if (backlogOf(socket) <= deps.config.SOCKET_BACKLOG_EVENTS) continue;
      logger.info("a socket reads too slowly and is let go", { userId: socket.data.userId });
      closeSlowSocket(socket);
    }
  }, BACKLOG_CHECK_MS);
  backlogCheck.unref();

  const letIn = admit(deps);
  io.use((socket, next) => void letIn(socket, next));
  io.on("connection", (socket) => {
    metrics?.socketsChanged(io.engine.clientsCount);
    disconnectAtExpiry(socket);
    socket.data.live = arrivals.take(socket).catch((error: unknown) => {
      // The client reconnects with the lastSeq it had, so nothing is lost by letting go.
      logger.warn("a socket could not be brought up to date", { reason: messageOf(error) });
      closeSocket(socket, "replay_failed");
    });
    followAuctions(socket, deps, () => tailer.position);
    socket.on("disconnect", () => metrics?.socketsChanged(io.engine.clientsCount));
  });

  return {
    io,
    start: () => tailer.start(),
    // Closes the sockets and the HTTP server under them, which takes no more connections from here on.
    close: async () => {
      clearInterval(backlogCheck);
      await Promise.all([io.close(), tailer.close()]);
    },
  };
}

/** A token's end is its socket's end, however long that takes to come. */
function disconnectAtExpiry(socket: ApiSocket): void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const leftMs = socket.data.expiresAt.getTime() - Date.now();
    timer =
      leftMs > MAX_TIMER_MS
        ? setTimeout(arm, MAX_TIMER_MS)
        : setTimeout(() => closeSocket(socket, "token_expired"), leftMs);
    timer.unref();
  };
  arm();
  socket.on("disconnect", () => clearTimeout(timer));
}
