import {
  actionCid,
  address,
  crashAt,
  cron,
  encryptionKey,
  feeCaps,
  leastTip,
  file,
  hostName,
  pageBase,
  integer,
  jitsiSecret,
  list,
  litAuthSig,
  litNetwork,
  oneOf,
  payloadKeys,
  pkpKey,
  privateKey,
  quotas,
  secret,
  secretOfLength,
  shaped,
  text,
  urlOf,
} from "./config-parsers.ts";

/** One variable: how it is parsed and the example shown when it is wrong. */
export interface Variable<T> {
  readonly parse: (text: string) => T;
  readonly example: string;
  /** Text used when the variable is unset or empty; `undefined` means the variable is required. */
  readonly fallback?: string;
  readonly optional?: boolean;
}

export type Parsed<S extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof S]: S[K] extends { optional: true }
    ? ReturnType<S[K]["parse"]> | undefined
    : ReturnType<S[K]["parse"]>;
};

const KEY_EXAMPLE = `0x${"1".repeat(64)}`;

/** Variables that every process needs. The order is the order of env.example. */
export const COMMON = {
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
  TEMPORAL_PAYLOAD_KEYS: {
    parse: payloadKeys,
    example: "k1:(the output of: openssl rand -base64 32)",
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
  ETH_TIMEOUT_MS: { parse: integer(100, 60_000), example: "5000", fallback: "5000" },
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
  LOG_LEVEL: {
    parse: oneOf(["error", "warn", "info", "debug"]),
    example: "info",
    fallback: "info",
  },
  LOG_DIR: { parse: text, example: "logs", fallback: "logs" },
  METRICS_HOST: { parse: text, example: "127.0.0.1", fallback: "127.0.0.1" },
  METRICS_PORT: { parse: integer(0, 65_535), example: "9464", fallback: "9464" },
  CRASH_AT: { parse: crashAt, example: "sender.stored:2", optional: true },
} satisfies Record<string, Variable<unknown>>;

/** Variables of the rooms and the rules of meetings: the API lets people in, the auction worker opens and ends rooms. */
export const MEETINGS = {
  JITSI_DOMAIN: { parse: hostName, example: "meet.jit.si", fallback: "meet.jit.si" },
  JITSI_URL: {
    parse: pageBase,
    example: "https://meet.example.org",
    optional: true,
  },
  JITSI_APP_ID: { parse: text, example: "meeting-auction" },
  JITSI_SECRET: { parse: jitsiSecret, example: "a random text of 32 characters or more, or a PEM" },
  JITSI_KID: { parse: text, example: "vpaas-magic-cookie-1234/abcd", optional: true },
  JITSI_XMPP_DOMAIN: { parse: text, example: "meet.jitsi", optional: true },
  JITSI_ADMIN_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "http://prosody:5280",
    optional: true,
  },
  JITSI_ADMIN_SECRET: {
    parse: jitsiSecret,
    example: "a private key as PEM",
    optional: true,
  },
  JITSI_ADMIN_KID: { parse: text, example: "backend/2026", optional: true },
  JITSI_MUC_DOMAIN: { parse: text, example: "muc.meet.jitsi", optional: true },
  MEETING_OPENS_BEFORE_S: { parse: integer(0, 86_400), example: "600", fallback: "600" },
  MEETING_REMINDER_BEFORE_S: { parse: integer(0, 604_800), example: "3600", fallback: "3600" },
  MEETING_MAX_EXTENSION_MINUTES: { parse: integer(0, 1440), example: "60", fallback: "60" },
  MEETING_MIN_TOGETHER_S: { parse: integer(1, 3600), example: "60", fallback: "60" },
  MEETING_REVIEW_S: { parse: integer(0, 604_800), example: "0", fallback: "0" },
} satisfies Record<string, Variable<unknown>>;

/** Variables that only the process serving HTTP needs. */
export const API = {
  PORT: { parse: integer(0, 65_535), example: "5000", fallback: "5000" },
  HOST: { parse: text, example: "0.0.0.0", fallback: "0.0.0.0" },
  FRONTEND_URL: {
    parse: list(urlOf(["http:", "https:"])),
    example: "https://auctions.example.org",
    fallback: "http://localhost:3000",
  },
  TRUSTED_PROXIES: { parse: integer(0, 10), example: "1", fallback: "0" },
  RATE_LIMITS: {
    parse: quotas,
    example: "read:600,write:60,auth:30,integration:6000,refused:30",
    fallback: "read:600,write:60,auth:30,integration:6000,refused:30",
  },
  SOCKETS_PER_USER: { parse: integer(1, 10_000), example: "20", fallback: "20" },
  SOCKET_BACKLOG_EVENTS: { parse: integer(1_100, 1_000_000), example: "2000", fallback: "2000" },
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
  LIT_ACTION_IPFS_CID: { parse: actionCid, example: "Qm… (contracts/lit/access-action.cid)" },
  LIT_ACTION_FILE: { parse: file, example: "contracts/lit/access-action.js", optional: true },
  LIT_ACTION_RPC_URL: {
    parse: list(urlOf(["http:", "https:"])),
    example: "https://rpc.example.org",
    optional: true,
  },
  LIT_PKP_PUBLIC_KEY: { parse: pkpKey, example: "0x04… (chipotle: the address also goes)" },
  LIT_SIGNER: { parse: oneOf(["pkp", "action"]), example: "pkp", fallback: "pkp" },
  LIT_WHEN_UNREACHABLE: {
    parse: oneOf(["refuse", "owner-of"]),
    example: "refuse",
    fallback: "refuse",
  },
  LIT_API_KEY: { parse: secret, example: "the usage key (chipotle only)", optional: true },
  LIT_API_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "https://api.chipotle.litprotocol.com",
    optional: true,
  },
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
  LIT_CAPACITY_DELEGATION_AUTH_SIG: {
    parse: litAuthSig,
    example: "the JSON that createCapacityDelegationAuthSig of Lit's SDK answers",
    optional: true,
  },
  JITSI_INTEGRATION_SECRET: {
    parse: secretOfLength(32),
    example: "(the output of: openssl rand -base64 48)",
  },
} satisfies Record<string, Variable<unknown>>;

/** Variables that only the process running workflows needs. */
export const AUCTION_WORKER = {
  AUCTION_CHECK_INTERVAL: { parse: cron, example: "*/1 * * * *", fallback: "*/1 * * * *" },
  EVENTS_KEPT_DAYS: { parse: integer(1, 3_650), example: "30", fallback: "30" },
  WORKFLOW_BUNDLE: { parse: file, example: "build/workflows.js", optional: true },
  WORKER_BUILD_ID: {
    parse: shaped(/^[\w.:+@-]{1,200}$/, "letters, digits and . _ - : + @, 200 at most"),
    example: "2026-11-23.1",
    optional: true,
  },
  TEMPORAL_DEPLOYMENT_NAME: {
    parse: shaped(/^[\w-]{1,200}$/, "letters, digits, - and _, 200 at most"),
    example: "meeting-auction",
    optional: true,
  },
} satisfies Record<string, Variable<unknown>>;

/** Variables that only the process sending transactions needs. */
export const CHAIN_WORKER = {
  PLATFORM_PRIVATE_KEY: { parse: list(privateKey), example: KEY_EXAMPLE, optional: true },
  PLATFORM_SIGNER_URL: {
    parse: urlOf(["http:", "https:"]),
    example: "http://web3signer:9000",
    optional: true,
  },
  PLATFORM_WALLETS: {
    parse: list(address),
    example: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    optional: true,
  },
  CHAIN_MAX_FEE_GWEI: {
    parse: feeCaps,
    example: "end:500,mint:200,settle:200,cancel:500",
    fallback: "end:500,mint:200,settle:200,cancel:500",
  },
  CHAIN_MIN_TIP_GWEI: { parse: leastTip, example: "30", fallback: "0" },
  CHAIN_BATCH_ITEMS: { parse: integer(1, 50), example: "50", fallback: "50" },
} satisfies Record<string, Variable<unknown>>;

/** Variables of `npm run codec` alone. */
export const CODEC = {
  CODEC_HOST: { parse: text, example: "127.0.0.1", fallback: "127.0.0.1" },
  CODEC_PORT: { parse: integer(0, 65_535), example: "8234", fallback: "8234" },
  CODEC_TOKEN: {
    parse: secretOfLength(32),
    example: "(the output of: openssl rand -base64 48)",
    optional: true,
  },
} satisfies Record<string, Variable<unknown>>;
