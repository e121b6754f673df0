import cors from "@koa/cors";
import type Koa from "koa";
import helmet from "koa-helmet";
import type { ApiConfig } from "../../config.ts";
import type { Logger } from "../../logging.ts";

/** A page that is developed here, on whatever port its tool chose. */
const LOCAL = /^https?:\/\/(localhost|127\.0\.0\.1)(:\d{1,5})?$/;

/** Origins that were refused and are named in the log, each once, as far as there are so many. */
const MOST_NAMED = 100;

/**
 * Says whether a page of that origin may call us: one of FRONTEND_URL, and in development any page of this machine. A refused one
 * is logged once. `URL.origin` form on both sides, so a trailing slash does no harm.
 */
export function originCheck(
  config: Pick<ApiConfig, "FRONTEND_URL" | "NODE_ENV">,
  logger: Logger,
): (origin: string) => boolean {
  const allowed = new Set(config.FRONTEND_URL.map((url) => new URL(url).origin));
  const named = new Set<string>();
  return (origin) => {
    if (allowed.has(origin) || (config.NODE_ENV !== "production" && LOCAL.test(origin)))
      return true;
    if (origin !== "" && named.size < MOST_NAMED && !named.has(origin)) {
      named.add(origin);
      logger.warn(
        "a page of another origin was refused: if it is a frontend of yours, add its origin to FRONTEND_URL",
        {
          origin: origin.slice(0, 200),
        },
      );
    }
    return false;
  };
}

/** CORS for the configured frontends only; another origin gets no CORS header at all. */
export function allowFrontends(isAllowed: (origin: string) => boolean): Koa.Middleware {
  return cors({
    origin: (ctx) => (isAllowed(ctx.get("Origin")) ? ctx.get("Origin") : ""),
    allowMethods: ["GET", "HEAD", "POST", "DELETE"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "If-None-Match",
      "X-Request-Id",
    ],
    exposeHeaders: [
      "ETag",
      "Location",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
      "X-Request-Id",
    ],
    maxAge: 600,
  });
}

/** Security headers. This is an API: nothing of it may be framed, and its answers load nothing. */
export function securityHeaders(): Koa.Middleware {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: "cross-origin" },
    frameguard: { action: "deny" },
  });
}
