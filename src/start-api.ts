import type { Registry } from "prom-client";
import { createRateLimits } from "./api/limits/rate-limits.ts";
import { createWakeUps } from "./api/realtime/wake-ups.ts";
import { createApi } from "./api/server.ts";
import { WebhookDispatcher } from "./api/webhooks/dispatcher.ts";
import { createChainReader, readAuctionRules } from "./chain/reader.ts";
import type { JsonRpc } from "./chain/rpc.ts";
import type { ApiConfig } from "./config.ts";
import { listening } from "./listening.ts";
import type { Database } from "./db/database.ts";
import { createOrm } from "./db/migrate.ts";
import { PoolWatch } from "./db/pool.ts";
import { messageOf } from "./errors.ts";
import type { HealthReport } from "./health.ts";
import { createRoomTokens } from "./jitsi/index.ts";
import { roomTokensOptions } from "./jitsi-options.ts";
import { createAccessGate } from "./lit/index.ts";
import { accessGateOptions } from "./lit-options.ts";
import type { Logger } from "./logging.ts";
import { createApiMetrics } from "./metrics.ts";
import { createParaClient } from "./para/index.ts";
import type { ChainFacts } from "./preflight.ts";
import type { Temporal } from "./temporal.ts";
import { startAuctionWorkflow } from "./workflows/start.ts";

/** Para is an outside service on the way of a person who waits: longer than this and the answer is 503. */
const VENDOR_TIMEOUT_MS = 15_000;

export interface ApiDependencies {
  readonly config: ApiConfig;
  readonly chain: ChainFacts;
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly temporal: Temporal;
  readonly logger: Logger;
  readonly health: () => Promise<HealthReport>;
  readonly registry: Registry;
}

export interface PreparedApi {
  /** @throws ConfigError when the port is taken */
  listen(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Builds the API from the configuration, and listens when it is told to.
 * @throws AppError `lit_configuration`, `jitsi_configuration`: what is set cannot work
 */
export async function prepareApi(dependencies: ApiDependencies): Promise<PreparedApi> {
  const { config, chain, db, rpc, temporal, logger, health, registry } = dependencies;
  // First, because it refuses a wrong configuration.
  const gate = createAccessGate(accessGateOptions(config, chain));
  const watch = new PoolWatch({
    url: config.DATABASE_URL,
    applicationName: "meeting-auction records",
    maxConnections: 5,
    onError: (error) => logger.warn("a database connection broke", { error }),
  });
  const orm = createOrm(config.DATABASE_URL, watch);
  const para = createParaClient({
    environment: config.PARA_ENVIRONMENT,
    apiKey: config.PARA_API_KEY.reveal(),
    secretApiKey: config.PARA_SECRET_API_KEY.reveal(),
    jwtAudience: config.PARA_JWT_AUDIENCE,
    timeoutMs: VENDOR_TIMEOUT_MS,
    ...(config.PARA_API_URL === undefined ? {} : { apiUrl: config.PARA_API_URL }),
  });
  const limits = createRateLimits({
    quotas: config.RATE_LIMITS,
    redisUrl: config.REDIS_URL,
    logger,
  });
  const wakeUps =
    config.REDIS_URL === undefined ? undefined : createWakeUps(config.REDIS_URL, logger);
  const { client } = temporal;
  const api = createApi({
    config,
    db,
    orm,
    temporal: client,
    reader: createChainReader({ rpc, ...chain }),
    rules: await readAuctionRules(rpc, chain.auctionContract),
    startAuction: (auction) =>
      startAuctionWorkflow(client, auction, config.AUCTION_END_LEAD_S * 1000),
    para,
    gate,
    jitsi: createRoomTokens(roomTokensOptions(config)),
    logger,
    health,
    metrics: createApiMetrics(registry),
    limits,
    ...(wakeUps === undefined ? {} : { wakeUps }),
  });
  const webhooks = new WebhookDispatcher({ db, config, logger });
  const close = async (): Promise<void> => {
    await api.close();
    await webhooks.close();
    await gate.close();
    await limits.close();
    await wakeUps?.close();
    await orm.close(true);
    watch.close();
  };
  const listen = async (): Promise<void> => {
    const { HOST: host, PORT } = config;
    const port = await listening("PORT", { host, port: PORT }, () => api.listen(PORT, host));
    // Only now: while Lit's SDK is loaded, a slow machine does nothing else for seconds. Connecting makes the first person who
    // enters wait less; if Lit is away, the next request tries again.
    gate
      .connect()
      .catch((error: unknown) =>
        logger.warn("Lit is not reachable yet", { reason: messageOf(error) }),
      );
    webhooks.start();
    logger.info("the API is listening", { host, port });
  };
  return { listen, close };
}
