import cors from "@koa/cors";
import type Koa from "koa";
import helmet from "koa-helmet";

/** Says whether a page of that origin may call us. `URL.origin` form on both sides, so a trailing slash does no harm. */
export function originCheck(frontendUrls: readonly string[]): (origin: string) => boolean {
  const allowed = new Set(frontendUrls.map((url) => new URL(url).origin));
  return (origin) => allowed.has(origin);
}

/** CORS for the configured frontends only; another origin gets no CORS header at all. */
export function allowFrontends(frontendUrls: readonly string[]): Koa.Middleware {
  const isAllowed = originCheck(frontendUrls);
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
