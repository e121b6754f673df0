import type { ChainHandle } from "./chain.ts";
import type { Ports } from "./ports.ts";
import type { Contracts, StackState } from "./state.ts";

/** Pages that may call the API: where the usual development servers are, the API's own, and what FRONTEND_URL adds. */
const frontendUrls = (apiPort: number): string[] => [
  "http://localhost:3000",
  "http://localhost:5173",
  `http://127.0.0.1:${apiPort}`,
  `http://localhost:${apiPort}`,
  ...(process.env["FRONTEND_URL"] ?? "").split(",").filter((url) => url.trim() !== ""),
];

/**
 * The product's environment for the local stack. What concerns Para, Lit and Jitsi comes
 * from the sandboxes themselves (`GET /__sandbox/config`) and is laid over this.
 */
export function productEnvironment(parts: {
  readonly state: StackState;
  readonly ports: Ports;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | undefined;
  readonly chain: ChainHandle;
  readonly contracts: Contracts;
  readonly platformKey: string;
  readonly logDir: string;
}): Record<string, string> {
  const { state, ports, chain } = parts;
  return {
    NODE_ENV: "development",
    HOST: "127.0.0.1",
    PORT: String(ports.api),
    FRONTEND_URL: frontendUrls(ports.api).join(","),
    // Everybody is at 127.0.0.1 here.
    RATE_LIMITS: "read:6000,write:600,auth:600,integration:60000,refused:600",
    DATABASE_URL: parts.databaseUrl,
    TEMPORAL_ADDRESS: parts.temporalAddress,
    TEMPORAL_NAMESPACE: "default",
    ...(parts.temporalUiUrl === undefined ? {} : { TEMPORAL_UI_URL: parts.temporalUiUrl }),
    ETH_HTTP_ENDPOINT: chain.rpcUrl,
    ETH_WSS_ENDPOINT: chain.wsUrl,
    CHAIN_CONFIRMATIONS: "1",
    CHAIN_FINALITY_DEPTH: "3",
    AUCTION_CONTRACT_ADDRESS: parts.contracts.auctionAddress,
    PLATFORM_PRIVATE_KEY: parts.platformKey,
    JWT_SECRET: state.jwtSecret,
    ENCRYPTION_KEYS: state.encryptionKey,
    LOG_DIR: parts.logDir,
    METRICS_PORT: String(ports.apiMetrics),
  };
}

/** Of the product's environment what operators' commands need, as a file for `env $(cat …) npm run ops`. No key and no secret. */
export function operatorEnvironment(
  env: Readonly<Record<string, string>>,
  databaseUrl: string,
): string {
  const names = [
    "TEMPORAL_ADDRESS",
    "TEMPORAL_NAMESPACE",
    "TEMPORAL_UI_URL",
    "ETH_HTTP_ENDPOINT",
    "AUCTION_CONTRACT_ADDRESS",
  ];
  const lines = names.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  return [`DATABASE_URL=${databaseUrl}`, ...lines, ""].join("\n");
}
