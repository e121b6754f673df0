import {
  address,
  cron,
  encryptionKey,
  fail,
  integer,
  jitsiSecret,
  list,
  litNetwork,
  oneOf,
  privateKey,
  secret,
  secretOfLength,
  text,
  urlOf,
} from "./config-parsers.ts";

import { ConfigError, type ConfigProblem } from "./config-error.ts";

export { ConfigError, type ConfigProblem };

/** What this process does: `api` serves HTTP and sockets, `worker` runs workflows, activities and the chain engine. */
export type Role = "api" | "worker";

/** One variable: how it is parsed and the example shown when it is wrong. */
interface Variable<T> {
  readonly parse: (text: string) => T;
  readonly example: string;
  /** Text used when the variable is unset or empty; `undefined` means the variable is required. */
  readonly fallback?: string;
  readonly optional?: boolean;
}

type Parsed<S extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof S]: S[K] extends { optional: true }
    ? ReturnType<S[K]["parse"]> | undefined
    : ReturnType<S[K]["parse"]>;
};

const KEY_EXAMPLE = `0x${"1".repeat(64)}`;

/** Variables that every process needs. The order is the order of env.example. */
const COMMON = {
  NODE_ENV: {
    parse: oneOf(["development", "test", "production"]),
    example: "production",
    fallback: "development",
  },
  DATABASE_URL: {
    parse: urlOf(["postgres:", "postgresql:"]),
    example: "postgres://app:password@db.example.org:5432/auctions",
  },
  REDIS_URL: {
    parse: urlOf(["redis:", "rediss:"]),
    example: "redis://localhost:6379",
    optional: true,
  },
  TEMPORAL_ADDRESS: { parse: text, example: "localhost:7233" },
  TEMPORAL_NAMESPACE: { parse: text, example: "default", fallback: "default" },
  TEMPORAL_UI_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "http://localhost:8233",
    optional: true,
  },
  ETH_HTTP_ENDPOINT: {
    parse: list(urlOf(["http:", "https:"])),
    example: "https://rpc.example.org,https://rpc2.example.org",
  },
  ETH_WSS_ENDPOINT: {
    parse: urlOf(["ws:", "wss:"]),
    example: "wss://rpc.example.org",
    optional: true,
  },
  CHAIN_CONFIRMATIONS: { parse: integer(1, 1000), example: "2", fallback: "2" },
  CHAIN_FINALITY_DEPTH: { parse: integer(1, 10_000), example: "64", fallback: "64" },
  AUCTION_CONTRACT_ADDRESS: {
    parse: address,
    example: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
  },
  AUCTION_CONTRACT_BLOCK: {
    parse: integer(0, Number.MAX_SAFE_INTEGER),
    example: "21000000",
    fallback: "0",
  },
  AUCTION_END_LEAD_S: { parse: integer(1, 3600), example: "15", fallback: "15" },
  JITSI_DOMAIN: { parse: text, example: "meet.jit.si", fallback: "meet.jit.si" },
  JITSI_APP_ID: { parse: text, example: "meeting-auction" },
  JITSI_SECRET: { parse: jitsiSecret, example: "a random text of 32 characters or more, or a PEM" },
  JITSI_KID: { parse: text, example: "vpaas-magic-cookie-1234/abcd", optional: true },
  JITSI_XMPP_DOMAIN: { parse: text, example: "meet.jitsi", optional: true },
  JITSI_ADMIN_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "http://prosody:5280",
    optional: true,
  },
  MEETING_OPENS_BEFORE_S: { parse: integer(0, 86_400), example: "600", fallback: "600" },
  MEETING_REMINDER_BEFORE_S: { parse: integer(0, 604_800), example: "3600", fallback: "3600" },
  MEETING_MAX_EXTENSION_MINUTES: { parse: integer(0, 1440), example: "60", fallback: "60" },
  LOG_LEVEL: {
    parse: oneOf(["error", "warn", "info", "debug"]),
    example: "info",
    fallback: "info",
  },
  LOG_DIR: { parse: text, example: "logs", fallback: "logs" },
  METRICS_HOST: { parse: text, example: "127.0.0.1", fallback: "127.0.0.1" },
  METRICS_PORT: { parse: integer(0, 65_535), example: "9464", fallback: "9464" },
} satisfies Record<string, Variable<unknown>>;

/** Variables that only the process serving HTTP needs. */
const API = {
  PORT: { parse: integer(0, 65_535), example: "5000", fallback: "5000" },
  HOST: { parse: text, example: "0.0.0.0", fallback: "0.0.0.0" },
  FRONTEND_URL: {
    parse: list(urlOf(["http:", "https:"])),
    example: "https://auctions.example.org",
    fallback: "http://localhost:3000",
  },
  JWT_SECRET: { parse: secretOfLength(32), example: "(the output of: openssl rand -base64 48)" },
  JWT_TTL_S: { parse: integer(60, 2_592_000), example: "86400", fallback: "86400" },
  ENCRYPTION_KEYS: {
    parse: list(encryptionKey),
    example: "k1:(the output of: openssl rand -base64 32)",
  },
  PARA_API_KEY: { parse: secret, example: "beta_0123456789abcdef" },
  PARA_SECRET_API_KEY: { parse: secret, example: "your secret API key from the Para portal" },
  PARA_ENVIRONMENT: {
    parse: oneOf(["beta", "prod", "sandbox", "dev"]),
    example: "beta",
    fallback: "beta",
  },
  PARA_JWT_AUDIENCE: { parse: text, example: "the id of your Para API key" },
  PARA_API_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "https://api.beta.getpara.com",
    optional: true,
  },
  LIT_NETWORK: { parse: litNetwork, example: "custom" },
  LIT_ACTION_IPFS_CID: { parse: text, example: "Qm… (contracts/lit/access-action.cid)" },
  LIT_PKP_PUBLIC_KEY: { parse: text, example: "0x04…" },
  LIT_API_KEY: { parse: secret, example: "the usage key (chipotle only)", optional: true },
  LIT_RPC_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "https://rpc.example.org",
    optional: true,
  },
  LIT_STAKING_ADDRESS: {
    parse: address,
    example: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    optional: true,
  },
  LIT_BLOCKHASH_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "https://block-indexer.litgateway.com/get_most_recent_valid_block",
    optional: true,
  },
  LIT_SERVER_PRIVATE_KEY: { parse: privateKey, example: KEY_EXAMPLE, optional: true },
  JITSI_INTEGRATION_SECRET: {
    parse: secretOfLength(32),
    example: "(the output of: openssl rand -base64 48)",
  },
} satisfies Record<string, Variable<unknown>>;

/** Variables that only the process running workflows and sending transactions needs. */
const WORKER = {
  PLATFORM_PRIVATE_KEY: { parse: list(privateKey), example: KEY_EXAMPLE },
  AUCTION_CHECK_INTERVAL: { parse: cron, example: "*/1 * * * *", fallback: "*/1 * * * *" },
} satisfies Record<string, Variable<unknown>>;

export type CommonConfig = Parsed<typeof COMMON>;
export type ApiConfig = CommonConfig & Parsed<typeof API>;
export type WorkerConfig = CommonConfig & Parsed<typeof WORKER>;

type Environment = Readonly<Record<string, string | undefined>>;

function read<S extends Record<string, Variable<unknown>>>(
  variables: S,
  env: Environment,
  problems: ConfigProblem[],
): Parsed<S> {
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const given = env[name]?.trim();
    const raw = given === undefined || given === "" ? variable.fallback : given;
    if (raw === undefined) {
      if (variable.optional !== true)
        problems.push({ variable: name, problem: "is missing", example: variable.example });
      continue;
    }
    try {
      if (/\$\(|^\(the output of/.test(raw))
        fail("holds a command instead of its output: run the command and paste what it prints");
      const value = variable.parse(raw);
      if (Array.isArray(value) && value.length === 0) fail("is empty");
      values[name] = value;
    } catch (error) {
      problems.push({
        variable: name,
        problem: (error as Error).message,
        example: variable.example,
      });
    }
  }
  return values as Parsed<S>;
}

/** Rules that concern two variables at once. */
function checkTogether(config: Partial<ApiConfig & WorkerConfig>, problems: ConfigProblem[]): void {
  if (
    config.CHAIN_CONFIRMATIONS !== undefined &&
    config.CHAIN_FINALITY_DEPTH !== undefined &&
    config.CHAIN_CONFIRMATIONS > config.CHAIN_FINALITY_DEPTH
  ) {
    problems.push({
      variable: "CHAIN_FINALITY_DEPTH",
      problem: `must not be smaller than CHAIN_CONFIRMATIONS (${config.CHAIN_CONFIRMATIONS})`,
      example: "64",
    });
  }
  if (
    config.JITSI_SECRET?.reveal().startsWith("-----BEGIN") === true &&
    config.JITSI_KID === undefined
  ) {
    problems.push({
      variable: "JITSI_KID",
      problem: "is missing: JITSI_SECRET is a PEM, and JaaS names the key by its id",
      example: COMMON.JITSI_KID.example,
    });
  }
  if (config.LIT_NETWORK === "custom") {
    for (const variable of ["LIT_RPC_URL", "LIT_STAKING_ADDRESS"] as const) {
      if (config[variable] === undefined)
        problems.push({
          variable,
          problem: "is missing: LIT_NETWORK=custom needs it",
          example: API[variable].example,
        });
    }
  }
  if (config.LIT_NETWORK === "chipotle" && config.LIT_API_KEY === undefined) {
    problems.push({
      variable: "LIT_API_KEY",
      problem: "is missing: LIT_NETWORK=chipotle needs it",
      example: API.LIT_API_KEY.example,
    });
  }
  if (
    config.NODE_ENV === "production" &&
    config.DATABASE_URL !== undefined &&
    !/[?&]sslmode=/.test(config.DATABASE_URL)
  ) {
    problems.push({
      variable: "DATABASE_URL",
      problem:
        "must say how TLS is used in production (sslmode=verify-full, or sslmode=disable on a private network)",
      example: `${COMMON.DATABASE_URL.example}?sslmode=verify-full`,
    });
  }
}

/** The configuration of the API. Throws ConfigError with every problem. */
export function loadApiConfig(env: Environment = process.env): ApiConfig {
  const problems: ConfigProblem[] = [];
  const config = { ...read(COMMON, env, problems), ...read(API, env, problems) };
  checkTogether(config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The configuration of the worker. Throws ConfigError with every problem. */
export function loadWorkerConfig(env: Environment = process.env): WorkerConfig {
  const problems: ConfigProblem[] = [];
  const config = { ...read(COMMON, env, problems), ...read(WORKER, env, problems) };
  checkTogether(config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** What `npm start` without a role needs: both configurations, every problem of either named once. */
export function loadFullConfig(env: Environment = process.env): {
  readonly api: ApiConfig;
  readonly worker: WorkerConfig;
} {
  const problems: ConfigProblem[] = [];
  const common = read(COMMON, env, problems);
  const api = { ...common, ...read(API, env, problems) };
  const worker = { ...common, ...read(WORKER, env, problems) };
  checkTogether({ ...api, ...worker }, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { api, worker };
}

/** The database alone, for `npm run migrate`. */
export function loadDatabaseUrl(env: Environment = process.env): string {
  const problems: ConfigProblem[] = [];
  const config = read({ DATABASE_URL: COMMON.DATABASE_URL }, env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config.DATABASE_URL;
}

/** What `npm run cron` needs: Temporal and the interval; no key and no secret. */
export type CronConfig = Pick<
  WorkerConfig,
  "TEMPORAL_ADDRESS" | "TEMPORAL_NAMESPACE" | "AUCTION_CHECK_INTERVAL"
>;

/** The configuration of `npm run cron`. Throws ConfigError with every problem. */
export function loadCronConfig(env: Environment = process.env): CronConfig {
  const problems: ConfigProblem[] = [];
  const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE } = COMMON;
  const { AUCTION_CHECK_INTERVAL } = WORKER;
  const variables = { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, AUCTION_CHECK_INTERVAL };
  const config = read(variables, env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
