import type { z } from "zod";
import type { Account } from "../db/people.ts";
import type { ApiDeps } from "./context.ts";
import type { RateClass } from "./limits/classes.ts";

/**
 * Who may call a route. `maybe-user`: anyone, but a token that is sent must be good. `jitsi`: whoever holds the
 * integration secret. Rights to one resource (host, pass owner) are checked by the handler, which knows the resource.
 */
export const POLICIES = ["anyone", "user", "maybe-user", "jitsi"] as const;
export type Policy = (typeof POLICIES)[number];

/** The user behind the token of a request. */
export interface Session extends Account {
  readonly expiresAt: Date;
}

type Schema = z.ZodType | undefined;
type Parsed<S extends Schema> = S extends z.ZodType ? z.output<S> : undefined;
type Responses = Readonly<Record<number, z.ZodType>>;

export interface RouteRequest<
  Pol extends Policy,
  P extends Schema,
  Q extends Schema,
  B extends Schema,
> {
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
  readonly user: Pol extends "user"
    ? Session
    : Pol extends "maybe-user"
      ? Session | undefined
      : undefined;
  /** Names this command: the same for its repeats under one Idempotency-Key, and nothing else's. */
  readonly commandId: string;
  readonly requestId: string;
}

/** An answer: `body` is JSON as the response schema of that status describes it; `undefined` sends none. */
export type Reply<R extends Responses> = {
  [S in keyof R & number]: {
    readonly status: S;
    readonly body: z.input<R[S]>;
    readonly headers?: Readonly<Record<string, string>>;
    /** The work goes on: a repeat under the same Idempotency-Key asks anew instead of being told this again. */
    readonly isInterim?: boolean;
  };
}[keyof R & number];

interface Definition<
  Pol extends Policy,
  P extends Schema,
  Q extends Schema,
  B extends Schema,
  R extends Responses,
> {
  readonly method: "GET" | "POST" | "DELETE";
  /** With parameters as OpenAPI writes them: `/api/auctions/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly policy: Pol;
  /** Which quota it takes from; without it Jitsi's calls are integration, GET reads and the rest writes. `none`: what supervisors ask again and again. */
  readonly rate?: RateClass | "none";
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** `form`: a form-encoded body is taken as well as JSON. */
  readonly bodyTypes?: "json" | "json-or-form";
  /** Bodies of some megabytes are taken: only from senders that hold a secret of ours. */
  readonly hasLongBody?: boolean;
  readonly acceptsIdempotencyKey?: boolean;
  readonly responses: R;
  /** What a 200 is when it is not JSON; its body is then a text. */
  readonly mediaType?: "text/calendar";
  /** Statuses of the problems its handler may raise, beyond those its policy and schemas imply. */
  readonly problems?: readonly number[];
  /** Statuses that come with a Location. */
  readonly located?: readonly number[];
  /** Public GET answers may be kept and revalidated by ETag; everything else is never stored. */
  readonly handler: (
    request: RouteRequest<Pol, P, Q, B>,
    deps: ApiDeps,
  ) => Promise<Reply<NoInfer<R>>>;
}

/** A route with its types erased, as the router and the OpenAPI document use it. */
export interface Route extends Omit<
  Definition<Policy, Schema, Schema, Schema, Responses>,
  "handler"
> {
  readonly handler: (
    request: RouteRequest<Policy, Schema, Schema, Schema>,
    deps: ApiDeps,
  ) => Promise<{
    readonly status: number;
    readonly body: unknown;
    readonly headers?: Readonly<Record<string, string>>;
    readonly isInterim?: boolean;
  }>;
}

/** Declares a route once: the router, the checks of input and output and the OpenAPI document all come from this. */
export function route<
  const Pol extends Policy,
  const R extends Responses,
  P extends Schema = undefined,
  Q extends Schema = undefined,
  B extends Schema = undefined,
>(definition: Definition<Pol, P, Q, B, R>): Route {
  // The handler's parameter is narrower than the erased one; the router passes what this route's own schemas returned.
  return definition;
}

/** The quota a route takes from. */
export function rateOf({ rate, policy, method }: Route): RateClass | "none" {
  return rate ?? (policy === "jitsi" ? "integration" : method === "GET" ? "read" : "write");
}

/** Statuses of the problems a route can answer with, implied ones included. */
export function problemStatuses(one: Route): readonly number[] {
  const statuses = new Set<number>(one.problems ?? []);
  if (one.policy !== "anyone") statuses.add(401);
  if (one.rate !== "none") statuses.add(429);
  for (const status of [400, 414, 422, 431]) statuses.add(status);
  if (one.method === "POST") for (const status of [413, 415]) statuses.add(status);
  if (one.acceptsIdempotencyKey === true) statuses.add(409);
  // A database or another service that is away can meet any route, and so can a defect.
  for (const status of [500, 503]) statuses.add(status);
  return [...statuses].sort((a, b) => a - b);
}

/**
 * Refuses a list of routes that has a hole: no policy, one path and method twice, a parameter without a schema.
 * @throws Error naming the route, so that the process does not start.
 */
export function checkRoutes(routes: readonly Route[]): void {
  const seen = new Set<string>();
  for (const one of routes) {
    const name = `${one.method} ${one.path}`;
    if (!POLICIES.includes(one.policy))
      throw new Error(`the route ${name} declares no policy: say who may call it`);
    if (seen.has(name)) throw new Error(`the route ${name} is declared twice`);
    if (seen.has(one.operationId))
      throw new Error(`the operationId ${one.operationId} is used twice`);
    if (one.acceptsIdempotencyKey === true && one.policy !== "user")
      throw new Error(`the route ${name} takes Idempotency-Keys from callers it does not know`);
    if (one.path.includes("{") && one.params === undefined)
      throw new Error(`the route ${name} has parameters without a schema`);
    seen.add(name).add(one.operationId);
  }
}
