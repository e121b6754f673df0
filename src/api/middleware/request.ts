import { randomUUID } from "node:crypto";
import type Koa from "koa";
import { type Logger, withLogContext } from "../../logging.ts";
import type { ApiMetrics } from "../context.ts";
import { queryOf } from "./query.ts";

const REQUEST_ID = /^[\w-]{8,64}$/;

/** Gives the request its id: the caller's if it has the right form, else a fresh one; echoed and in every log line. */
export function requestId(): Koa.Middleware {
  return (ctx, next) => {
    const given = ctx.get("x-request-id");
    const id = REQUEST_ID.test(given) ? given : randomUUID();
    ctx.state["requestId"] = id;
    ctx.set("X-Request-Id", id);
    return withLogContext({ requestId: id }, next);
  };
}

/** One line per request: method, path, the names of the query's fields, status, time. No tokens, no bodies. */
export function accessLog(logger: Logger, metrics: ApiMetrics | undefined): Koa.Middleware {
  return async (ctx, next) => {
    const startedAtMs = performance.now();
    try {
      await next();
    } finally {
      const durationMs = performance.now() - startedAtMs;
      const route = typeof ctx.state["route"] === "string" ? ctx.state["route"] : "none";
      metrics?.requestFinished({
        method: ctx.method,
        route,
        status: ctx.status,
        durationS: durationMs / 1_000,
      });
      const query = Object.keys(queryOf(ctx));
      const level =
        ctx.status >= 500 ? "warn" : route === "/healthz" || route === "/readyz" ? "debug" : "info";
      logger.log(level, "request", {
        method: ctx.method,
        path: ctx.path,
        ...(query.length > 0
          ? {
              query: query
                .map((name) => name.slice(0, 40))
                .slice(0, 20)
                .join(","),
            }
          : {}),
        status: ctx.status,
        durationMs: Math.round(durationMs * 10) / 10,
      });
    }
  };
}
