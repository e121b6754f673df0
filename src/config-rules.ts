// Rules that concern more than one variable.
import type { ConfigProblem } from "./config-error.ts";
import { API, CHAIN_WORKER, CODEC, COMMON, MEETINGS } from "./config-variables.ts";
import type { ApiConfig, CodecConfig, WorkerConfig } from "./config.ts";
import type { Secret } from "./secret.ts";

const isPem = (secret: Secret): boolean => secret.reveal().startsWith("-----BEGIN");

/** Adds what is wrong between variables that are each right by themselves. */
export function checkTogether(
  config: Partial<ApiConfig & WorkerConfig & CodecConfig>,
  problems: ConfigProblem[],
): void {
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
    config.JITSI_SECRET !== undefined &&
    isPem(config.JITSI_SECRET) &&
    config.JITSI_KID === undefined
  ) {
    problems.push({
      variable: "JITSI_KID",
      problem: "is missing: JITSI_SECRET is a PEM, and Jitsi finds its public half by its id",
      example: MEETINGS.JITSI_KID.example,
    });
  }
  if (
    config.JITSI_ADMIN_SECRET !== undefined &&
    isPem(config.JITSI_ADMIN_SECRET) &&
    config.JITSI_ADMIN_KID === undefined
  ) {
    problems.push({
      variable: "JITSI_ADMIN_KID",
      problem:
        "is missing: JITSI_ADMIN_SECRET is a PEM, and Prosody finds its public half by its id",
      example: MEETINGS.JITSI_ADMIN_KID.example,
    });
  }
  if (config.JITSI_ADMIN_SECRET !== undefined && !isPem(config.JITSI_ADMIN_SECRET)) {
    problems.push({
      variable: "JITSI_ADMIN_SECRET",
      problem: "must be a private key as PEM: Prosody fetches its public half from a key server",
      example: MEETINGS.JITSI_ADMIN_SECRET.example,
    });
  } else if (
    config.JITSI_ADMIN_SECRET !== undefined &&
    config.JITSI_SECRET !== undefined &&
    !isPem(config.JITSI_SECRET)
  ) {
    problems.push({
      variable: "JITSI_ADMIN_SECRET",
      problem:
        "cannot work beside a shared JITSI_SECRET: a Prosody with an app_secret expects HS256 of every token and refuses this key. Sign room tokens with a key too (docs/jitsi.md), or leave this and JITSI_ADMIN_KID out",
      example: MEETINGS.JITSI_ADMIN_SECRET.example,
    });
  }
  if (config.JITSI_ADMIN_KID !== undefined && config.JITSI_ADMIN_SECRET === undefined) {
    problems.push({
      variable: "JITSI_ADMIN_SECRET",
      problem: "is missing: JITSI_ADMIN_KID names a key that is not there",
      example: MEETINGS.JITSI_ADMIN_SECRET.example,
    });
  }
  if (config.JITSI_ADMIN_SECRET !== undefined && config.JITSI_ADMIN_URL === undefined) {
    problems.push({
      variable: "JITSI_ADMIN_URL",
      problem: "is missing: JITSI_ADMIN_SECRET is of no use without it",
      example: MEETINGS.JITSI_ADMIN_URL.example,
    });
  }
  if (
    /(^|\.)8x8\.vc$/.test(config.JITSI_DOMAIN ?? "") &&
    config.JITSI_SECRET !== undefined &&
    !isPem(config.JITSI_SECRET)
  ) {
    problems.push({
      variable: "JITSI_SECRET",
      problem: "is no PEM: JITSI_DOMAIN is JaaS, which takes tokens signed with a private key only",
      example: "-----BEGIN PRIVATE KEY-----\\n…",
    });
  }
  if (config.NODE_ENV === "production") checkProduction(config, problems);
  // The prefix of a key decides which of Para's environments the SDK talks to, whatever else it is told.
  const [prefix, rest] = config.PARA_API_KEY?.reveal().split("_") ?? [];
  if (
    config.PARA_ENVIRONMENT !== undefined &&
    prefix !== undefined &&
    rest !== undefined &&
    prefix.toLowerCase() !== config.PARA_ENVIRONMENT
  ) {
    problems.push({
      variable: "PARA_API_KEY",
      problem: `is no public key of the environment ${config.PARA_ENVIRONMENT} (PARA_ENVIRONMENT): it does not begin with ${config.PARA_ENVIRONMENT}_`,
      example: `${config.PARA_ENVIRONMENT}_0123456789abcdef`,
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
  if (
    config.CODEC_HOST !== undefined &&
    !["127.0.0.1", "::1", "localhost"].includes(config.CODEC_HOST) &&
    config.CODEC_TOKEN === undefined
  ) {
    problems.push({
      variable: "CODEC_TOKEN",
      problem: `is missing: at ${config.CODEC_HOST} anybody could have payloads opened`,
      example: CODEC.CODEC_TOKEN.example,
    });
  }
  checkWallets(config, problems);
  const keys = config.PLATFORM_PRIVATE_KEY?.map((key) => key.reveal()) ?? [];
  if (new Set(keys).size < keys.length) {
    problems.push({
      variable: "PLATFORM_PRIVATE_KEY",
      problem: "holds the same key twice: each wallet is one key",
      example: CHAIN_WORKER.PLATFORM_PRIVATE_KEY.example,
    });
  }
  const keyIds = config.ENCRYPTION_KEYS?.map((key) => key.id) ?? [];
  if (new Set(keyIds).size < keyIds.length) {
    problems.push({
      variable: "ENCRYPTION_KEYS",
      problem: "names two keys alike: what one sealed, the other would be tried on",
      example: API.ENCRYPTION_KEYS.example,
    });
  }
  for (const variable of ["JITSI_SECRET", "JITSI_INTEGRATION_SECRET"] as const) {
    if (config[variable] !== undefined && config[variable].reveal() === config.JWT_SECRET?.reveal())
      problems.push({
        variable,
        problem: "is the same as JWT_SECRET: Jitsi's servers could sign people in here",
        example: API.JWT_SECRET.example,
      });
  }
  if (config.NODE_ENV === "production" && config.CRASH_AT !== undefined) {
    problems.push({
      variable: "CRASH_AT",
      problem: "kills the process on purpose: it is for tests and is refused in production",
      example: "(unset)",
    });
  }
  if (config.LIT_NETWORK === "chipotle") {
    for (const variable of ["LIT_API_KEY", "LIT_ACTION_RPC_URL"] as const) {
      if (config[variable] === undefined)
        problems.push({
          variable,
          problem: "is missing: LIT_NETWORK=chipotle needs it",
          example: API[variable].example,
        });
    }
  } else if (config.LIT_NETWORK !== undefined) {
    if (config.LIT_PKP_PUBLIC_KEY?.length === 42)
      problems.push({
        variable: "LIT_PKP_PUBLIC_KEY",
        problem: `is an address: LIT_NETWORK=${config.LIT_NETWORK} needs the public key`,
        example: API.LIT_PKP_PUBLIC_KEY.example,
      });
    if (config.LIT_SIGNER === "action")
      problems.push({
        variable: "LIT_SIGNER",
        problem: "cannot be action: only LIT_NETWORK=chipotle has keys that belong to an action",
        example: API.LIT_SIGNER.example,
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

/** Whoever sends transactions has keys, or knows who signs for which wallets. */
function checkWallets(config: Partial<ApiConfig & WorkerConfig>, problems: ConfigProblem[]): void {
  // Only a chain worker reads this one, and it has a default.
  if (config.CHAIN_BATCH_ITEMS === undefined) return;
  const {
    PLATFORM_PRIVATE_KEY: keys,
    PLATFORM_SIGNER_URL: url,
    PLATFORM_WALLETS: wallets,
  } = config;
  const told = (variable: keyof typeof CHAIN_WORKER, problem: string): void => {
    if (problems.some((one) => one.variable === variable)) return;
    problems.push({ variable, problem, example: CHAIN_WORKER[variable].example });
  };
  if (url === undefined && wallets === undefined) {
    if (keys === undefined)
      told("PLATFORM_PRIVATE_KEY", "is missing (or PLATFORM_SIGNER_URL and PLATFORM_WALLETS)");
    return;
  }
  if (keys !== undefined)
    told("PLATFORM_PRIVATE_KEY", "must be unset: PLATFORM_SIGNER_URL names who signs instead");
  if (url === undefined) told("PLATFORM_SIGNER_URL", "is missing: PLATFORM_WALLETS needs it");
  if (wallets === undefined) told("PLATFORM_WALLETS", "is missing: PLATFORM_SIGNER_URL needs it");
  if (new Set(wallets).size < (wallets?.length ?? 0))
    told("PLATFORM_WALLETS", "holds the same wallet twice");
}

/** Names that RFC 2606 and RFC 6761 keep for examples. */
const EXAMPLE_HOST = /(^|\.)(example\.(com|net|org)|example|invalid|test)$/;

/** Whether nobody on the way reads what a browser asks for: encrypted, or on one machine. */
const isPrivate = ({ protocol, hostname }: URL): boolean =>
  protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);

/** What is good enough for development: values of env.example that were left as they are, and tokens sent in clear. */
function checkProduction(
  config: Partial<ApiConfig & WorkerConfig>,
  problems: ConfigProblem[],
): void {
  if (config.JITSI_DOMAIN === "meet.jit.si")
    problems.push({
      variable: "JITSI_DOMAIN",
      problem:
        "is the public server, which takes no tokens of others: name your own server, or 8x8.vc for JaaS (docs/jitsi.md)",
      example: "meet.<your domain>",
    });
  else if (EXAMPLE_HOST.test(config.JITSI_DOMAIN?.replace(/:\d+$/, "") ?? ""))
    problems.push({
      variable: "JITSI_DOMAIN",
      problem: "is a placeholder: name your own server, or 8x8.vc for JaaS",
      example: "meet.<your domain>",
    });
  if (config.JITSI_URL !== undefined && !isPrivate(new URL(config.JITSI_URL)))
    problems.push({
      variable: "JITSI_URL",
      problem: "must be https: the tokens that open rooms are part of these addresses",
      example: "https://meet.<your domain>",
    });
  for (const url of config.FRONTEND_URL ?? [])
    if (EXAMPLE_HOST.test(new URL(url).hostname))
      problems.push({
        variable: "FRONTEND_URL",
        problem: `is a placeholder (${url}): name the origins of your pages`,
        example: "https://auctions.<your domain>",
      });
}
