import { createServer, type Server } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import {
  createHeadMetrics,
  createIndexerMetrics,
  createSenderMetrics,
  type IndexerMetrics,
} from "./chain-metrics.ts";
import type { Rounds } from "./activities/rounds.ts";
import type { SenderObserver } from "./chain/observer.ts";
import type { HealthReport } from "./health.ts";
import type { Logger } from "./logging.ts";

/** What the worker measures. The list: docs/metrics.md. */
export interface WorkerMetrics {
  readonly registry: Registry;
  readonly indexer: IndexerMetrics;
  readonly heads: ReturnType<typeof createHeadMetrics>;
  readonly rpcRequest: (
    method: string,
    endpoint: string,
    outcome: string,
    durationS: number,
  ) => void;
  readonly sender: SenderObserver;
  /** Reconcile has run, and has put something right so many times. */
  readonly repaired: (what: string, count: number) => void;
  /** Shows how long the rounds of the chain's jobs last. */
  watchRounds(rounds: Rounds): void;
}

export function createMetrics(): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "rpc_requests_total",
    help: "JSON-RPC requests",
    labelNames: ["method", "endpoint", "outcome"],
    registers: [registry],
  });
  const latency = new Histogram({
    name: "rpc_latency_seconds",
    help: "How long JSON-RPC endpoints take to answer",
    labelNames: ["method", "endpoint"],
    buckets: [0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5],
    registers: [registry],
  });
  const repairs = new Counter({
    name: "reconcile_repairs_total",
    help: "What reconcile has put right: a defect, or an accident, made it necessary",
    labelNames: ["repair"],
    registers: [registry],
  });
  const reconciled = new Gauge({
    name: "reconcile_last_success_timestamp_seconds",
    help: "When everything was last compared and put right by this process",
    registers: [registry],
  });
  let watched: Rounds | undefined;
  const lasting: Gauge<"job"> = new Gauge({
    name: "job_round_seconds",
    help: "How long the round of a job that this process leads has lasted; 0 between two rounds",
    labelNames: ["job"],
    registers: [registry],
    collect() {
      lasting.reset();
      for (const [job, ms] of watched?.ages() ?? []) lasting.set({ job }, ms / 1_000);
    },
  });
  return {
    registry,
    watchRounds(rounds) {
      watched = rounds;
    },
    repaired: (what, count) => {
      repairs.inc({ repair: what }, count);
      // A run tells of every kind, also of those that it found nothing of.
      reconciled.setToCurrentTime();
    },
    sender: createSenderMetrics(registry),
    indexer: createIndexerMetrics(registry),
    heads: createHeadMetrics(registry),
    rpcRequest: (method, endpoint, outcome, durationS) => {
      requests.inc({ method, endpoint, outcome });
      latency.observe({ method, endpoint }, durationS);
    },
  };
}

/** What the API measures, in the registry of its process. */
export function createApiMetrics(registry: Registry) {
  const requests = new Histogram({
    name: "http_request_duration_seconds",
    help: "API requests by route",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  const sockets = new Gauge({
    name: "sockets_connected",
    help: "Connected sockets",
    registers: [registry],
  });
  const events = new Histogram({
    name: "event_delivery_seconds",
    help: "From an event to its emission",
    labelNames: ["type"],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers: [registry],
  });
  return {
    requestFinished(request: {
      readonly method: string;
      readonly route: string;
      readonly status: number;
      readonly durationS: number;
    }): void {
      requests.observe(
        { method: request.method, route: request.route, status: request.status },
        request.durationS,
      );
    },
    socketsChanged: (connected: number): void => sockets.set(connected),
    eventEmitted: (type: string, delayS: number): void => events.observe({ type }, delayS),
  };
}

/** Serves /metrics, /healthz and /readyz for operators, on an address that is private unless METRICS_HOST says otherwise. */
export async function serveMetrics(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** What others measure, as Prometheus text; it follows ours. */
  readonly more?: () => Promise<string>;
  readonly health: () => Promise<HealthReport>;
  /** Whether everything that this process does has been started. */
  readonly isStarted: () => boolean;
  readonly logger: Logger;
}): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type }).end(body);
    };
    const respond = async (): Promise<void> => {
      switch (request.url) {
        case "/metrics": {
          const [ours, theirs = ""] = await Promise.all([
            options.registry.metrics(),
            options.more?.(),
          ]);
          return answer(200, options.registry.contentType, `${ours.trimEnd()}\n${theirs}`);
        }
        case "/healthz":
          return answer(200, "application/json", '{"status":"ok"}');
        case "/startedz": {
          const started = options.isStarted();
          return answer(started ? 200 : 503, "application/json", JSON.stringify({ started }));
        }
        case "/readyz": {
          const report = await options.health();
          return answer(report.ready ? 200 : 503, "application/json", JSON.stringify(report));
        }
        default:
          return answer(404, "text/plain", "not found");
      }
    };
    respond().catch((error: unknown) => {
      options.logger.error("the metrics server could not answer", { error });
      answer(500, "text/plain", "internal error");
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return server;
}
