import { createServer } from "node:net";
import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker";
import { messageOf } from "./errors.ts";
import type { Logger } from "./logging.ts";

/** How long the SDK's own metrics may take; a scrape goes on without them then. */
const TIMEOUT_MS = 2_000;

const LEVELS = {
  TRACE: "debug",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
} as const;

/**
 * Sets up Temporal's SDK for a process with workers: its lines go through our logger, its signal handling is ours (one
 * shutdown order for all parts), and what it measures can be read. Returns the reader: Prometheus text, empty (and logged) when
 * the SDK does not answer.
 * @throws TransportError when it cannot listen on the loopback address
 */
export async function installTemporalRuntime(
  logger: Logger,
  level: "error" | "warn" | "info" | "debug",
): Promise<() => Promise<string>> {
  // The SDK gives its figures on a port only, so it gets one that nobody else reaches; /metrics serves both in one.
  const bindAddress = `127.0.0.1:${await unusedPort()}`;
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger(
      level === "error" ? "ERROR" : level === "debug" ? "DEBUG" : "WARN",
      (entry) => {
        // The chain worker runs activities only, on purpose.
        if (entry.message.startsWith("No workflows registered")) return;
        logger.log(LEVELS[entry.level], entry.message, { ...entry.meta, part: "temporal-sdk" });
      },
    ),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }) },
      // As Prometheus wants names: base units, and _total for counters.
      metrics: {
        prometheus: {
          bindAddress,
          countersTotalSuffix: true,
          unitSuffix: true,
          useSecondsForDurations: true,
        },
      },
    },
  });
  return async () => {
    try {
      const answer = await fetch(`http://${bindAddress}/metrics`, {
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return await answer.text();
    } catch (error) {
      logger.warn("the Temporal SDK's metrics could not be read", { reason: messageOf(error) });
      return "";
    }
  };
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return address.port;
}
