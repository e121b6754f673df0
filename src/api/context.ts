import type { MikroORM } from "@mikro-orm/postgresql";
import type { Client } from "@temporalio/client";
import type { ChainReader } from "../chain/reader.ts";
import type { ApiConfig } from "../config.ts";
import type { AuctionInput } from "../domain/process.ts";
import type { Database } from "../db/database.ts";
import type { RoomTokens } from "../jitsi/index.ts";
import type { RateLimits } from "./limits/rate-limits.ts";
import type { WakeUps } from "./realtime/wake-ups.ts";
import type { AccessGate } from "../lit/index.ts";
import type { Logger } from "../logging.ts";
import type { ParaClient } from "../para/index.ts";

export interface Health {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;
}

/** The rules fixed in the auction contract (`config()`), read once when the process starts. */
export interface AuctionRules {
  readonly minDurationS: number;
  readonly maxDurationS: number;
  readonly timeBufferS: number;
  readonly maxExtensionS: number;
  readonly minIncrementBps: number;
}

/** What the API tells about its own work; `src/run-process.ts` turns it into Prometheus figures. */
export interface ApiMetrics {
  requestFinished(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly durationS: number;
  }): void;
  socketsChanged(connected: number): void;
  /** One event was handed to this node's sockets, so long after it happened. */
  eventEmitted(type: string, delayS: number): void;
}

/** Everything the API needs from outside; each part can be replaced in a test. */
export interface ApiDeps {
  readonly config: ApiConfig;
  readonly db: Database;
  readonly orm: MikroORM;
  readonly temporal: Client;
  readonly reader: ChainReader;
  readonly rules: AuctionRules;
  /** Makes sure that the auction's process runs; harmless when it does or did. */
  readonly startAuction: (auction: AuctionInput) => Promise<void>;
  readonly para: ParaClient;
  readonly gate: AccessGate;
  readonly jitsi: RoomTokens;
  readonly logger: Logger;
  readonly health: () => Promise<Health>;
  readonly metrics?: ApiMetrics;
  readonly limits: RateLimits;
  /** With REDIS_URL: how nodes tell one another of events, beside Postgres. */
  readonly wakeUps?: WakeUps;
}
