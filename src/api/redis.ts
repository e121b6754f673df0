import { createClient } from "@redis/client";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logging.ts";

/**
 * A client of Redis that keeps trying to connect, and says once when Redis goes away and once when it is back. What is asked of
 * it meanwhile fails at once instead of waiting.
 * @param without What the node does while Redis is away, for the log.
 */
export function connectRedis(url: string, logger: Logger, without: string) {
  const client = createClient({
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
  return client;
}
