import { createRequire } from "node:module";
import type * as Redis from "@redis/client";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";

/** How often a connection is proven alive, and how long the answer may take, in milliseconds. */
const PING_EVERY_MS = 2_000;
const PING_LIMIT_MS = 2_000;
/** How long a connection may take to become ready: longer than the longest pause before another try, and that try. */
const READY_LIMIT_MS = 10_000;

type RedisClient = ReturnType<typeof Redis.createClient>;

/** Loads the library when Redis is configured: a node without Redis starts a tenth of a second earlier. */
function loadRedis(): typeof Redis {
  return createRequire(import.meta.url)("@redis/client");
}

/**
 * Calls `onSilent` when a connection that is open answers nothing: a proxy or a host on the way to Redis is gone, and nothing was
 * closed. Without this every command would wait for ever. Returns what ends the watch.
 */
export function watchSilence(
  client: Pick<RedisClient, "isOpen" | "isReady" | "ping">,
  onSilent: () => void,
): () => void {
  let isAsking = false;
  let notReadySinceMs: number | undefined;
  const timer = setInterval(() => {
    if (!client.isReady) {
      // It may have fallen silent while the two greeted each other.
      const nowMs = performance.now();
      notReadySinceMs = client.isOpen ? (notReadySinceMs ?? nowMs) : undefined;
      if (notReadySinceMs === undefined || nowMs - notReadySinceMs < READY_LIMIT_MS) return;
      notReadySinceMs = undefined;
      return onSilent();
    }
    notReadySinceMs = undefined;
    if (isAsking) return;
    isAsking = true;
    const late = setTimeout(() => {
      if (client.isReady) onSilent();
    }, PING_LIMIT_MS);
    client
      .ping()
      // A connection that broke is no silence: the client connects again by itself.
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(late);
        isAsking = false;
      });
  }, PING_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * A client of Redis that keeps trying to connect, and says once when Redis goes away and once when it is back. What is asked of
 * it meanwhile fails at once instead of waiting.
 * @param without What the node does while Redis is away, for the log.
 */
export function connectRedis(url: string, logger: Logger, without: string) {
  const client = loadRedis().createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: 2_000,
      reconnectStrategy: (tries) => Math.min(5_000, 100 * 2 ** tries),
    },
  });
  let away = false;
  client.on("error", (error: unknown) => {
    if (!away) logger.warn(`Redis is away: ${without}`, { reason: messageOf(error) });
    away = true;
  });
  client.on("ready", () => {
    if (away) logger.info("Redis is back");
    away = false;
  });
  // The client keeps trying; what it cannot do is told above.
  client.connect().catch(() => undefined);
  watchSilence(client, () => {
    if (!away) logger.warn(`Redis is away: ${without}`, { reason: "its connection is silent" });
    away = true;
    // What waits for an answer fails now.
    client.destroy();
    client.connect().catch(() => undefined);
  });
  return client;
}
