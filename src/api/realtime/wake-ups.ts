import type { Logger } from "../../logging.ts";
import { connectRedis, watchSilence } from "../redis.ts";

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
  let onTold: ((seq: number) => void) | undefined;
  let isClosed = false;
  /** A connection that subscribes can do nothing else. Its subscription waits for Redis and comes back with it. */
  const listen = (): ReturnType<typeof connectRedis> => {
    const client = publisher.duplicate({ disableOfflineQueue: false });
    // The publisher tells when Redis is away; a client without a listener would end the process.
    client.on("error", () => undefined);
    client.connect().catch(() => undefined);
    client
      .subscribe(CHANNEL, (message) => {
        const seq = Number(message);
        if (Number.isSafeInteger(seq)) onTold?.(seq);
      })
      .catch((error: unknown) => {
        if (!isClosed && client === subscriber)
          logger.warn("no wake-ups come from Redis: Postgres alone wakes this node", { error });
      });
    const stopWatching = watchSilence(client, () => {
      stopWatching();
      client.destroy();
      if (!isClosed) subscriber = listen();
    });
    return client;
  };
  let subscriber = listen();
  return {
    publish(seq) {
      if (publisher.isReady) publisher.publish(CHANNEL, String(seq)).catch(() => undefined);
    },
    subscribe(onSeq) {
      onTold = onSeq;
    },
    async close() {
      isClosed = true;
      for (const client of [publisher, subscriber]) if (client.isOpen) client.destroy();
    },
  };
}
