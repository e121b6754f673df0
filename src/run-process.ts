import { parseArgs } from "node:util";
import { JsonRpc } from "./chain/rpc.ts";
import type { StartupServer } from "./api/startup-server.ts";
import {
  type ApiConfig,
  commonOf,
  ConfigError,
  type Configs,
  loadConfigs,
  type Role,
  ROLES,
} from "./config.ts";
import { misspelt } from "./config-unknown.ts";
import { armCrash } from "./crash.ts";
import { Database } from "./db/database.ts";
import { pendingMigrations } from "./db/migrate.ts";
import { hasOwnSessions } from "./db/pooler.ts";
import { AppError, messageOf } from "./errors.ts";
import { Rounds } from "./activities/rounds.ts";
import { createHealth, type HealthReport } from "./health.ts";
import { listening } from "./listening.ts";
import { createLogger, type Logger } from "./logging.ts";
import { createMetrics, serveMetrics, type WorkerMetrics } from "./metrics.ts";
import { checkChain, patiently } from "./preflight.ts";
import type { ApiDependencies, PreparedApi } from "./start-api.ts";
import { connectTemporal } from "./temporal.ts";
import { ensureSearchAttributes } from "./temporal-namespace.ts";
import type { WorkerTiming } from "./workers/timing.ts";

/** A part that was started and is stopped in reverse order. */
interface Part {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** Longer than everything may take to stop; then the process ends anyway, as its supervisor would kill it. */
const SHUTDOWN_LIMIT_MS = 12_000;

/** The role this process was started for; undefined: everything. @throws ConfigError */
function givenRole(): Role | undefined {
  const { role } = parseArgs({ options: { role: { type: "string" } } }).values;
  const known = ROLES.find((one) => one === role);
  if (role === known) return known;
  throw new ConfigError([
    {
      variable: "--role",
      problem: `is "${role}", which is no role`,
      example: `${ROLES.join(", ")}; left out: everything in one process`,
    },
  ]);
}

/** What a start waits for, and the health of the process, which is that until everything is there. */
class Startup {
  readonly #logger: Logger;
  #part = "its configuration";
  isDone = false;
  health = async (): Promise<HealthReport> => ({
    ready: false,
    checks: { start: { ok: false, detail: `waits for ${this.#part}` } },
  });

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  readonly waitsFor = (): string => this.#part;

  /** Tries until it succeeds, or for long enough. Strangers may learn the part; `where` to look stands in the log alone. */
  async patiently<T>(part: string, where: string, work: () => Promise<T>): Promise<T> {
    this.#part = part;
    return patiently(`${part} (${where})`, this.#logger, work);
  }
}

/** Starts what the role needs; every started part is pushed to `parts` so that a failure half-way stops it again. */
async function start(
  configs: Configs,
  logger: Logger,
  parts: Part[],
  timing: Partial<WorkerTiming>,
): Promise<{ readonly finished: Promise<void> }> {
  const config = commonOf(configs);
  const metrics = createMetrics();
  const startup = new Startup(logger);
  let sdkMetrics: (() => Promise<string>) | undefined;
  const { METRICS_HOST: host, METRICS_PORT: port } = config;
  const server = await listening("METRICS_PORT", { host, port }, () =>
    serveMetrics({
      host,
      port,
      registry: metrics.registry,
      more: async () => (await sdkMetrics?.()) ?? "",
      health: () => startup.health(),
      isStarted: () => startup.isDone,
      logger,
    }),
  );
  parts.push({
    name: "metrics",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A request that was sent by half would keep it open for as long as a shutdown may take.
        server.closeAllConnections();
      }),
  });
  const { api: apiConfig } = configs;
  const startupServer = apiConfig && (await answerEarly(apiConfig, logger, startup.waitsFor));
  if (startupServer !== undefined)
    parts.push({ name: "startup server", close: () => startupServer.close() });

  const rpc = new JsonRpc({
    endpoints: config.ETH_HTTP_ENDPOINT,
    timeoutMs: config.ETH_TIMEOUT_MS,
    onRequest: metrics.rpcRequest,
  });
  const db = new Database({
    url: config.DATABASE_URL,
    applicationName: "meeting-auction",
    maxConnections: 20,
    onError: (error) => logger.warn("a database connection broke", { error }),
  });
  parts.push({ name: "database", close: () => db.close() });
  await startup.patiently("Postgres", "DATABASE_URL", () => checkDatabase(config.DATABASE_URL));
  const chain = await startup.patiently("the chain", "ETH_HTTP_ENDPOINT", () =>
    checkChain(configs, rpc, db),
  );
  rpc.pin(chain.chainId);
  const temporal = connectTemporal(config);
  parts.push({ name: "temporal", close: () => temporal.connection.close() });
  await startup.patiently("Temporal", `TEMPORAL_ADDRESS, ${temporal.how}`, () =>
    temporal.connection.ensureConnected(),
  );
  const rounds = new Rounds();
  metrics.watchRounds(rounds);
  const { chainId } = chain;
  const health = createHealth({ db, temporal: temporal.connection, rpc, chainId, rounds });
  const common = { chain, db, rpc, temporal, logger };
  // Before the worker does anything: what the API finds wrong in its settings ends the whole process.
  const api = apiConfig && (await prepare({ ...common, config: apiConfig, health, metrics }));
  if (api !== undefined) parts.push({ name: "api", close: () => api.close() });
  // No process can be started, or show where it is, before the namespace knows what it shows.
  const registered = await startup.patiently("the namespace", "TEMPORAL_NAMESPACE", () =>
    ensureSearchAttributes(temporal.connection, temporal.namespace),
  );
  if (registered.length > 0) logger.info("search attributes are registered", { registered });

  let finished: Promise<void> = new Promise(() => undefined);
  const { auctions, chain: sending } = configs;
  if (auctions !== undefined || sending !== undefined) {
    const { installTemporalRuntime } = await import("./temporal-runtime.ts");
    sdkMetrics = await installTemporalRuntime(logger, config.LOG_LEVEL);
    const { startWorker } = await import("./workers/worker.ts");
    const worker = await startWorker({
      ...common,
      ...(auctions === undefined ? {} : { auctions }),
      ...(sending === undefined ? {} : { sending }),
      metrics,
      timing,
      rounds,
    });
    parts.push({ name: "worker", close: () => worker.close() });
    finished = worker.finished;
  }
  await startupServer?.close();
  await api?.listen();
  startup.health = health;
  startup.isDone = true;
  return { finished };
}

/** @throws ConfigError for a database that this product cannot work with */
async function checkDatabase(url: string): Promise<void> {
  const example = "postgres://app:password@localhost:5432/auctions";
  const wrong = (problem: string): ConfigError =>
    new ConfigError([{ variable: "DATABASE_URL", problem, example }]);
  if (!(await hasOwnSessions(url)))
    throw wrong(
      "goes through a pooler that shares the server's sessions (PgBouncer in transaction or statement mode), in which advisory locks and LISTEN do not work: use its session mode, or connect to Postgres directly",
    );
  const missing = await pendingMigrations(url);
  if (missing.length > 0)
    throw wrong(
      `names a database whose schema lacks ${missing.join(", ")}: run npm run migrate first`,
    );
}

/** Answers at the API's port until the API does. @throws ConfigError when the port is taken */
async function answerEarly(
  config: ApiConfig,
  logger: Logger,
  waitsFor: () => string,
): Promise<StartupServer> {
  const { serveWhileStarting } = await import("./api/startup-server.ts");
  const at = { host: config.HOST, port: config.PORT };
  return listening("PORT", at, () => serveWhileStarting(config, logger, waitsFor));
}

/** The API, which does not listen yet. Loaded only here: a worker needs none of it. */
async function prepare({
  metrics,
  ...given
}: Omit<ApiDependencies, "registry"> & { readonly metrics: WorkerMetrics }): Promise<PreparedApi> {
  const { prepareApi } = await import("./start-api.ts");
  return prepareApi({ ...given, registry: metrics.registry });
}

/** Ends the process: every part in reverse order, each failure logged, whatever the others do. */
async function stop(parts: readonly Part[], logger: Logger): Promise<void> {
  const limit = setTimeout(() => {
    logger.error("the shutdown took too long and is cut short");
    process.exit(1);
  }, SHUTDOWN_LIMIT_MS);
  limit.unref();
  for (const part of parts.toReversed()) {
    try {
      await part.close();
    } catch (error) {
      logger.error(`${part.name} did not stop cleanly`, { error });
    }
  }
}

async function main(timing: Partial<WorkerTiming>): Promise<void> {
  const role = givenRole();
  const configs = loadConfigs(role);
  const config = commonOf(configs);
  const logger = createLogger({
    service: role ?? "all",
    level: config.LOG_LEVEL,
    // Containers write to their output only.
    ...(config.LOG_DIR === "-" ? {} : { directory: config.LOG_DIR }),
    terminal: process.stdout.isTTY,
  });
  for (const { name, meant } of misspelt())
    logger.warn(`the variable ${name} means nothing here: did you mean ${meant}?`);
  const parts: Part[] = [];
  armCrash(config.CRASH_AT);

  let stopping: Promise<void> | undefined;
  const end = (code: number): void => {
    stopping ??= stop(parts, logger).then(() => {
      process.exitCode = code;
      // Vendors' SDKs keep timers; everything of ours is closed.
      setTimeout(() => process.exit(code), 200).unref();
    });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end(0));
  process.on("unhandledRejection", (error) => {
    logger.error("a rejection nobody handled: this is a defect", { error });
    end(1);
  });

  try {
    const { finished } = await start(configs, logger, parts, timing);
    finished.catch((error: unknown) => {
      logger.error("the worker has died", { error });
      end(1);
    });
  } catch (error) {
    if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
    else logger.error("the start failed", { error });
    end(1);
  }
}

/** The product as a process: reads the command line and the environment, and runs until it is told to stop. */
export async function runProcess(timing: Partial<WorkerTiming> = {}): Promise<void> {
  try {
    await main(timing);
  } catch (error) {
    // Only the configuration is read before there is a logger.
    process.stderr.write(
      `${error instanceof ConfigError || error instanceof AppError ? error.message : `the start failed: ${messageOf(error)}`}\n`,
    );
    process.exitCode = 1;
  }
}
