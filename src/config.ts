import {
  API,
  AUCTION_WORKER,
  CHAIN_WORKER,
  CODEC,
  COMMON,
  MEETINGS,
  type Parsed,
  type Variable,
} from "./config-variables.ts";
import { fail } from "./config-parsers.ts";
import { checkTogether } from "./config-rules.ts";
import { misspelt } from "./config-unknown.ts";

import { ConfigError, type ConfigProblem } from "./config-error.ts";

export { ConfigError, type ConfigProblem };

export type CommonConfig = Parsed<typeof COMMON>;
export type MeetingsConfig = CommonConfig & Parsed<typeof MEETINGS>;
export type ApiConfig = MeetingsConfig & Parsed<typeof API>;
export type AuctionWorkerConfig = MeetingsConfig & Parsed<typeof AUCTION_WORKER>;
export type ChainWorkerConfig = CommonConfig & Parsed<typeof CHAIN_WORKER>;
/** Of a worker that does both. */
export type WorkerConfig = AuctionWorkerConfig & ChainWorkerConfig;

/** What a process is to do. Without a role it does everything; `worker` is both workers in one process. */
export const ROLES = ["api", "worker", "auction-worker", "chain-worker"] as const;
export type Role = (typeof ROLES)[number];

/** The parts a process consists of, each with its configuration. */
export interface Configs {
  readonly api?: ApiConfig;
  readonly auctions?: AuctionWorkerConfig;
  readonly chain?: ChainWorkerConfig;
}

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
      if (variable.optional !== true) {
        const instead = misspelt(env).find(({ meant }) => meant === name)?.name;
        const problem =
          instead === undefined ? "is missing" : `is missing; ${instead} is set: is it that?`;
        problems.push({ variable: name, problem, example: variable.example });
      }
      continue;
    }
    try {
      // Some readers of .env take a comment behind an empty value for the value.
      if (/^#\s/.test(raw)) fail("is a comment: in .env a comment needs a line of its own");
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

/** What all parts of a process share. @throws Error for a process without a part */
export function commonOf({ api, auctions, chain }: Configs): CommonConfig {
  const config = api ?? auctions ?? chain;
  if (config === undefined) throw new Error("a process has at least one part");
  return config;
}

const API_VARIABLES = { ...COMMON, ...MEETINGS, ...API };
const AUCTION_WORKER_VARIABLES = { ...COMMON, ...MEETINGS, ...AUCTION_WORKER };
const CHAIN_WORKER_VARIABLES = { ...COMMON, ...CHAIN_WORKER };
const WORKER_VARIABLES = { ...AUCTION_WORKER_VARIABLES, ...CHAIN_WORKER_VARIABLES };

function load<S extends Record<string, Variable<unknown>>>(
  variables: S,
  env: Environment,
): Parsed<S> {
  const problems: ConfigProblem[] = [];
  const config = read(variables, env, problems);
  checkTogether(config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The configuration of the API. @throws ConfigError with every problem */
export function loadApiConfig(env: Environment = process.env): ApiConfig {
  return load(API_VARIABLES, env);
}

/** The configuration of a worker that does both: workflows, and transactions. @throws ConfigError with every problem */
export function loadWorkerConfig(env: Environment = process.env): WorkerConfig {
  return load(WORKER_VARIABLES, env);
}

/** What the parts of a role need; of all parts without one. @throws ConfigError that names every problem once */
export function loadConfigs(role: Role | undefined, env: Environment = process.env): Configs {
  switch (role) {
    case "api":
      return { api: loadApiConfig(env) };
    case "auction-worker":
      return { auctions: load(AUCTION_WORKER_VARIABLES, env) };
    case "chain-worker":
      return { chain: load(CHAIN_WORKER_VARIABLES, env) };
    case "worker": {
      const both = loadWorkerConfig(env);
      return { auctions: both, chain: both };
    }
    case undefined: {
      const all = load({ ...API_VARIABLES, ...WORKER_VARIABLES }, env);
      return { api: all, auctions: all, chain: all };
    }
  }
}

/** The database alone, for `npm run migrate`. */
export function loadDatabaseUrl(env: Environment = process.env): string {
  const problems: ConfigProblem[] = [];
  const config = read({ DATABASE_URL: COMMON.DATABASE_URL }, env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config.DATABASE_URL;
}

/** What `npm run rotate-keys` needs. */
export type RotationConfig = Pick<ApiConfig, "DATABASE_URL" | "ENCRYPTION_KEYS">;

/** The configuration of `npm run rotate-keys`. Throws ConfigError with every problem. */
export function loadRotationConfig(env: Environment = process.env): RotationConfig {
  const problems: ConfigProblem[] = [];
  const { DATABASE_URL } = COMMON;
  const { ENCRYPTION_KEYS } = API;
  const config = read({ DATABASE_URL, ENCRYPTION_KEYS }, env, problems);
  checkTogether(config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** Where Temporal is, and how what it keeps is read. */
export type TemporalConfig = Pick<
  CommonConfig,
  "TEMPORAL_ADDRESS" | "TEMPORAL_NAMESPACE" | "TEMPORAL_PAYLOAD_KEYS"
>;

const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PAYLOAD_KEYS, TEMPORAL_UI_URL } = COMMON;
const TEMPORAL_VARIABLES = { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PAYLOAD_KEYS };

/** What `npm run cron` needs: Temporal and the interval; no key of a wallet and no secret but that of payloads. */
export type CronConfig = TemporalConfig & Pick<AuctionWorkerConfig, "AUCTION_CHECK_INTERVAL">;

/** The configuration of `npm run cron`. Throws ConfigError with every problem. */
export function loadCronConfig(env: Environment = process.env): CronConfig {
  const { AUCTION_CHECK_INTERVAL } = AUCTION_WORKER;
  return load({ ...TEMPORAL_VARIABLES, AUCTION_CHECK_INTERVAL }, env);
}

/** What `npm run replay` needs: whose histories, and the bundle to replay them with. */
export type ReplayConfig = TemporalConfig &
  Pick<AuctionWorkerConfig, "WORKFLOW_BUNDLE" | "WORKER_BUILD_ID">;

/**
 * The configuration of `npm run replay`; what was `given` on its command line goes before the environment.
 * @throws ConfigError with every problem
 */
export function loadReplayConfig(
  given: Environment = {},
  env: Environment = process.env,
): ReplayConfig {
  const { WORKFLOW_BUNDLE, WORKER_BUILD_ID } = AUCTION_WORKER;
  const names = { ...TEMPORAL_VARIABLES, WORKFLOW_BUNDLE, WORKER_BUILD_ID };
  return load(names, { ...env, ...given });
}

const CODEC_VARIABLES = { TEMPORAL_PAYLOAD_KEYS, TEMPORAL_UI_URL, ...CODEC };

/** What `npm run codec` needs. */
export type CodecConfig = Parsed<typeof CODEC_VARIABLES>;

/** The configuration of `npm run codec`. Throws ConfigError with every problem. */
export function loadCodecConfig(env: Environment = process.env): CodecConfig {
  return load(CODEC_VARIABLES, env);
}

/** What `npm run ops` needs: where everything is; no key of a wallet and no secret but that of payloads. */
export type OpsConfig = TemporalConfig &
  Pick<
    AuctionWorkerConfig,
    | "DATABASE_URL"
    | "TEMPORAL_UI_URL"
    | "ETH_HTTP_ENDPOINT"
    | "ETH_TIMEOUT_MS"
    | "AUCTION_CONTRACT_ADDRESS"
  >;

/** The configuration of `npm run ops`. Throws ConfigError with every problem. */
export function loadOpsConfig(env: Environment = process.env): OpsConfig {
  const problems: ConfigProblem[] = [];
  const { DATABASE_URL, ETH_HTTP_ENDPOINT, ETH_TIMEOUT_MS, AUCTION_CONTRACT_ADDRESS } = COMMON;
  const temporal = { ...TEMPORAL_VARIABLES, TEMPORAL_UI_URL };
  const chain = { ETH_HTTP_ENDPOINT, ETH_TIMEOUT_MS, AUCTION_CONTRACT_ADDRESS };
  const config = read({ DATABASE_URL, ...temporal, ...chain }, env, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
