import Router from "@koa/router";
import { createHash, randomUUID } from "node:crypto";
import type Koa from "koa";
import { z } from "zod";
import type { StoredReply } from "../db/idempotency.ts";
import { AppError, refused } from "../errors.ts";
import { withLogContext } from "../logging.ts";
import { authorise } from "./auth/policy.ts";
import { readBody } from "./body.ts";
import { sendValidated } from "./conditional.ts";
import type { ApiDeps } from "./context.ts";
import { fingerprintOf, IDEMPOTENCY_KEY, once } from "./idempotency.ts";
import { callerAddress, callerNetwork } from "./limits/addresses.ts";
import { WINDOW_S } from "./limits/classes.ts";
import { queryOf } from "./middleware/query.ts";
import { problemKind } from "./problems/catalog.ts";
import { checkRoutes, problemStatuses, rateOf, type Route, type Session } from "./route.ts";
import { parseInput } from "./validation.ts";

const NoQuery = z.strictObject({});
/** What a route without a body takes: none, or an empty object, which some clients always send. */
const NoFields = z.strictObject({}).optional();
const IdempotencyKey = z
  .string()
  .regex(IDEMPOTENCY_KEY, "must be 1 to 255 visible ASCII characters");

/** `/a/{id}` as the router writes it. */
function routerPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

/** Sorts literal paths before those with a parameter in the same place, so that `/auctions/active` is not an id. */
function specificity(path: string): string {
  return path
    .split("/")
    .map((part) => (part.startsWith("{") ? "\uffff" : part))
    .join("/");
}

/**
 * The router of all routes. On a path that exists, OPTIONS tells the methods and every other method is 405.
 * @throws Error for a route without a policy and the other holes `checkRoutes` finds.
 */
export function createRouter(routes: readonly Route[], deps: ApiDeps): Router {
  checkRoutes(routes);
  const router = new Router({ strict: true, sensitive: true });
  const paths = Map.groupBy(routes, (one) => one.path);
  const ordered = [...paths.keys()].toSorted((a, b) => (specificity(a) < specificity(b) ? -1 : 1));
  for (const path of ordered) {
    const ofPath = paths.get(path) ?? [];
    for (const one of ofPath)
      router.register(routerPath(path), [one.method], (ctx) => run(ctx, one, deps), {
        name: one.operationId,
      });
    const allowed = [
      ...ofPath.flatMap((one) => (one.method === "GET" ? ["GET", "HEAD"] : [one.method])),
      "OPTIONS",
    ].join(", ");
    router.all(routerPath(path), (ctx) => {
      ctx.set("Allow", allowed);
      if (ctx.method !== "OPTIONS")
        throw refused("method_not_allowed", `this path takes ${allowed}`, 405);
      ctx.status = 204;
    });
  }
  return router;
}

/** One request through one route: right, input, handler, output. */
async function run(ctx: Koa.Context, one: Route, deps: ApiDeps): Promise<void> {
  ctx.state["route"] = one.path;
  const user = await admit(ctx, one, deps);
  // What a user is told is never kept by a cache, and neither is an answer to a command.
  ctx.set(
    "Cache-Control",
    one.policy === "anyone" && one.method === "GET" ? "no-cache" : "no-store",
  );
  await withLogContext(user === undefined ? {} : { userId: user.id }, async () => {
    const problems = collect();
    const params = problems.in(() =>
      one.params === undefined ? undefined : parseInput(one.params, ctx["params"], "/path"),
    );
    const query = problems.in(() => parseInput(one.query ?? NoQuery, queryOf(ctx), "/query"));
    const header = one.acceptsIdempotencyKey === true ? ctx.headers["idempotency-key"] : undefined;
    const key =
      header === undefined
        ? undefined
        : problems.in(() => parseInput(IdempotencyKey, header, "/headers/idempotency-key"));
    const given = one.method === "POST" ? await readBody(ctx, one) : undefined;
    const body = problems.in(() => parseInput(one.body ?? NoFields, given, ""));
    problems.throwAny();
    const requestId = String(ctx.state["requestId"]);
    const answer = (commandId: string): Promise<Reply> =>
      perform(one, { params, query, body, user, commandId, requestId }, deps);
    if (key === undefined || user === undefined) return send(ctx, one, await answer(randomUUID()));
    const fingerprint = fingerprintOf(one.operationId, { params, query, body });
    const keyed = { userId: user.id, key, fingerprint };
    // The same for every repeat of this request and for nothing else, also when its answer is long forgotten.
    const commandId = createHash("sha256").update(JSON.stringify(keyed)).digest("hex");
    return send(ctx, one, await once(deps, keyed, () => answer(commandId)));
  });
}

type Request = Readonly<Record<keyof Parameters<Route["handler"]>[0], unknown>>;
type Reply = StoredReply & { readonly isInterim?: boolean };

/** The handler's answer, held to what the route declares. */
async function perform(one: Route, request: Request, deps: ApiDeps): Promise<Reply> {
  const isStrict = deps.config.NODE_ENV !== "production";
  try {
    const reply = await one.handler(request as Parameters<Route["handler"]>[0], deps);
    if (isStrict) checkReply(one, reply);
    return { headers: {}, ...reply };
  } catch (error) {
    if (isStrict && error instanceof AppError) checkDeclared(one, error);
    throw error;
  }
}

/**
 * Who sends this, if they may, and takes one from their quota: a user's where there is one, else the address's. Tokens that
 * open nothing have a quota too, so that nobody tries many; a right one always passes.
 */
async function admit(ctx: Koa.Context, one: Route, deps: ApiDeps): Promise<Session | undefined> {
  const { config, limits } = deps;
  const caller = callerNetwork(callerAddress(ctx.req, config.TRUSTED_PROXIES));
  const authorization = ctx.get("authorization");
  let user: Session | undefined;
  try {
    user = await authorise(one.policy, authorization, deps);
  } catch (error) {
    if (error instanceof AppError && error.status === 401 && authorization !== "")
      await limits.take("refused", caller);
    throw error;
  }
  const rate = rateOf(one);
  if (rate !== "none") {
    // draft-ietf-httpapi-ratelimit-headers
    ctx.set("RateLimit-Policy", `"${rate}";q=${config.RATE_LIMITS[rate]};w=${WINDOW_S}`);
    const left = (remaining: number, resetS: number): void =>
      ctx.set("RateLimit", `"${rate}";r=${remaining};t=${resetS}`);
    try {
      const { remaining, resetS } = await limits.take(rate, user?.id ?? caller);
      left(remaining, resetS);
    } catch (error) {
      if (error instanceof AppError) left(0, error.retryAfterS ?? WINDOW_S);
      throw error;
    }
  }
  return user;
}

/** Gathers what is wrong in path, query and body, so that one answer names it all. */
function collect() {
  const found: AppError[] = [];
  return {
    in<T>(work: () => T): T | undefined {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        found.push(error);
        return undefined;
      }
    },
    throwAny(): void {
      const [only] = found;
      if (only !== undefined && found.length === 1) throw only;
      if (found.length > 0)
        throw refused(
          "input_invalid",
          "several fields are not as they should be",
          422,
          found.flatMap((one) => one.errors),
        );
    },
  };
}

/** In production a slip in an answer must not cost the answer; everywhere else it is a failing test. */
function checkReply(one: Route, reply: Pick<Reply, "status" | "body">): void {
  const schema = one.responses[reply.status];
  if (schema === undefined)
    throw new Error(`${one.operationId} answered ${reply.status}, which it does not declare`);
  const result = schema.safeParse(reply.body);
  if (!result.success)
    throw new Error(
      `${one.operationId} answered ${reply.status} with a body its schema refuses: ${result.error.message}`,
    );
}

function send(ctx: Koa.Context, one: Route, reply: Reply): void {
  for (const [name, value] of Object.entries(reply.headers)) ctx.set(name, value);
  ctx.status = reply.status;
  if (reply.status === 200 && (ctx.method === "GET" || ctx.method === "HEAD"))
    return one.mediaType === undefined
      ? sendValidated(ctx, JSON.stringify(reply.body))
      : sendValidated(ctx, String(reply.body), one.mediaType);
  ctx.body = reply.body ?? null;
  // Koa turns a null body into 204; the declared status stands.
  ctx.status = reply.status;
}

function checkDeclared(one: Route, error: AppError): void {
  const { status, code } = error;
  const kind = problemKind(code);
  const declared = problemStatuses(one).includes(status);
  if (!declared || kind?.statuses.includes(status) !== true) {
    const missing = declared ? "src/api/problems does not describe" : "it does not declare";
    throw new Error(`${one.operationId} raised ${status} ${code}, which ${missing}`, {
      cause: error,
    });
  }
}
