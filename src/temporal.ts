import { Connection } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import type { NativeConnection } from "@temporalio/worker";
import type { CommonConfig } from "./config.ts";

export interface Temporal {
  readonly address: string;
  readonly namespace: string;
  readonly connection: Connection;
  /** The same address, TLS and API key, for the worker's own connection. */
  readonly options: NonNullable<Parameters<typeof NativeConnection.connect>[0]>;
}

/**
 * Prepares the connection to Temporal. TLS and API key come from TEMPORAL_* or a Temporal profile, as envconfig reads them.
 * The connection is made on first use and again whenever it breaks.
 */
export function connectTemporal(
  config: Pick<CommonConfig, "TEMPORAL_ADDRESS" | "TEMPORAL_NAMESPACE">,
): Temporal {
  const { connectionOptions } = loadClientConnectConfig({});
  const address = config.TEMPORAL_ADDRESS;
  const options = { ...connectionOptions, address };
  return {
    address,
    namespace: config.TEMPORAL_NAMESPACE,
    connection: Connection.lazy(options),
    options,
  };
}
