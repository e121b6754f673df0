import type { Client } from "@temporalio/client";
import { JsonRpc } from "../chain/rpc.ts";
import type { OpsConfig } from "../config.ts";
import { Database } from "../db/database.ts";
import { connectTemporal } from "../temporal.ts";

/** What the commands of operators look at and work on. Nothing is connected before it is used. */
export interface Sight {
  readonly config: OpsConfig;
  readonly db: Database;
  readonly rpc: JsonRpc;
  readonly client: Client;
  readonly connection: ReturnType<typeof connectTemporal>["connection"];
  readonly namespace: string;
  /** Lower-case. */
  readonly auctionContract: string;
  close(): Promise<void>;
}

/** A part that is away is given up on soon: the others have something to say. */
const RPC_TIMEOUT_MS = 3_000;
/** A question that is never answered holds its connection for ever; whoever asked has been told so by then. */
const CLOSE_LIMIT_MS = 2_000;

export function openSight(config: OpsConfig): Sight {
  const temporal = connectTemporal(config);
  const { client, connection, namespace } = temporal;
  const db = new Database({ url: config.DATABASE_URL, applicationName: "ops", maxConnections: 4 });
  return {
    config,
    db,
    rpc: new JsonRpc({
      endpoints: config.ETH_HTTP_ENDPOINT,
      timeoutMs: Math.min(config.ETH_TIMEOUT_MS, RPC_TIMEOUT_MS),
    }),
    client,
    connection,
    namespace,
    auctionContract: config.AUCTION_CONTRACT_ADDRESS.toLowerCase(),
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      const closed = Promise.allSettled([db.close(), connection.close()]);
      await Promise.race([closed, late]);
      clearTimeout(timer);
    },
  };
}
