import { Client, Connection } from "@temporalio/client";
import type { DataConverter } from "@temporalio/common";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import type { NativeConnection } from "@temporalio/worker";
import { createPayloadCodec, NO_PAYLOAD_KEYS } from "./codec.ts";
import type { TemporalConfig } from "./config.ts";

export interface Temporal {
  readonly address: string;
  readonly namespace: string;
  readonly connection: Connection;
  /** Every client of the product: one that is made elsewhere would not read what is sealed. */
  readonly client: Client;
  /** For workers and replay: payloads are sealed and opened as TEMPORAL_PAYLOAD_KEYS says. */
  readonly dataConverter: DataConverter;
  /** The same address, TLS and API key, for the worker's own connection. */
  readonly options: NonNullable<Parameters<typeof NativeConnection.connect>[0]>;
  /** "Without TLS", as it stands in a log. */
  readonly how: string;
}

/** A connection that has fallen silent is found within fifteen seconds; servers allow no pings more often than every ten. */
const KEEPALIVE = { "grpc.keepalive_time_ms": 10_000, "grpc.keepalive_timeout_ms": 5_000 };

/**
 * Prepares the connection to Temporal. TLS and API key come from TEMPORAL_* or a Temporal profile, as envconfig reads them.
 * The connection is made on first use and again whenever it breaks.
 */
export function connectTemporal(config: TemporalConfig): Temporal {
  const { connectionOptions } = loadClientConnectConfig({ overrideEnvVars: givenVariables() });
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = config;
  const options = { ...connectionOptions, address };
  const connection = Connection.lazy({ ...options, channelArgs: KEEPALIVE });
  const codec = createPayloadCodec(config.TEMPORAL_PAYLOAD_KEYS ?? NO_PAYLOAD_KEYS);
  const dataConverter: DataConverter = { payloadCodecs: [codec] };
  const client = new Client({ connection, namespace, dataConverter });
  const how = howItConnects(options);
  return { address, namespace, connection, client, dataConverter, options, how };
}

/** An empty TEMPORAL_… counts as none: `TEMPORAL_API_KEY=` would switch TLS on. */
function givenVariables(): Record<string, string> {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !(value === "" && name.startsWith("TEMPORAL_"))) given[name] = value;
  return given;
}

function howItConnects({ tls, apiKey }: Pick<Temporal["options"], "tls" | "apiKey">): string {
  if (tls === undefined || tls === null || tls === false) return "without TLS";
  return apiKey === undefined ? "with TLS" : "with TLS, because TEMPORAL_API_KEY is set";
}
