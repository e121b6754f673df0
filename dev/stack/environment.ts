import type { ChainHandle } from "./chain.ts";
import type { Ports } from "./ports.ts";
import type { Contracts, StackState } from "./state.ts";

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
    FRONTEND_URL: `http://localhost:3000,http://127.0.0.1:${ports.api},http://localhost:${ports.api}`,
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
