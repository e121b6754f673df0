import type { Logger } from "../../logging.ts";
import { connectRedis } from "../redis.ts";

/**
 * Nodes tell one another how far the events go. Postgres wakes each node by itself; this is a second way, for the moments when a
 * node's own connection for notifications is gone. It carries no event: whoever is woken reads the table.
 */
export interface WakeUps {
  /** Tells the other nodes that there are events up to `seq`. Lost when Redis is away. */
  publish(seq: number): void;
  /** Calls back with what another node has told. */
  subscribe(onSeq: (seq: number) => void): void;
  close(): Promise<void>;
}

const CHANNEL = "events:seq";

/** Wake-ups over Redis (REDIS_URL). */
export function createWakeUps(redisUrl: string, logger: Logger): WakeUps {
  const publisher = connectRedis(redisUrl, logger, "nodes are woken by Postgres alone");
  // A connection that subscribes can do nothing else. Its subscription waits for Redis and comes back with it.
  const subscriber = publisher.duplicate({ disableOfflineQueue: false });
  // The publisher tells when Redis is away; a client without a listener would end the process.
  subscriber.on("error", () => undefined);
  subscriber.connect().catch(() => undefined);
  return {
    publish(seq) {
      if (publisher.isReady) publisher.publish(CHANNEL, String(seq)).catch(() => undefined);
    },
    subscribe(onSeq) {
      subscriber
        .subscribe(CHANNEL, (message) => {
          const seq = Number(message);
          if (Number.isSafeInteger(seq)) onSeq(seq);
        })
        .catch((error: unknown) =>
          logger.warn("no wake-ups come from Redis: Postgres alone wakes this node", { error }),
        );
    },
    async close() {
      for (const client of [publisher, subscriber]) if (client.isOpen) client.destroy();
    },
  };
}
