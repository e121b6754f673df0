import { RateLimiterMemory, RateLimiterRedis, type RateLimiterRes } from "rate-limiter-flexible";
import { AppError } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { connectRedis } from "../redis.ts";
import { QUOTA_NAMES, type Quotas, WINDOW_S } from "./classes.ts";

type QuotaName = keyof Quotas;

/** What a caller has left of a quota. */
export interface Allowance {
  readonly quota: QuotaName;
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the quota is full again. */
  readonly resetS: number;
}

/** Counts what callers ask for, in this process or, with Redis, over all API nodes. */
export interface RateLimits {
  /** Takes one from a caller's quota. @throws AppError refuse 429 `quota_exceeded` when nothing is left */
  take(quota: QuotaName, caller: string): Promise<Allowance>;
  close(): Promise<void>;
}

function exceeded(quota: QuotaName, resetS: number): AppError {
  return new AppError({
    kind: "refuse",
    code: "quota_exceeded",
    status: 429,
    message: `too many requests of the kind "${quota}"; try again in ${resetS} s`,
    retryAfterS: resetS,
  });
}

const secondsOf = (result: RateLimiterRes): number =>
  Math.max(1, Math.ceil(result.msBeforeNext / 1_000));

/**
 * Quotas over a window of a minute. While Redis is away each node counts for itself: nobody is shut out, and the limit is as
 * many times higher as there are nodes.
 */
export function createRateLimits(options: {
  readonly quotas: Quotas;
  readonly redisUrl?: string | undefined;
  readonly logger: Logger;
}): RateLimits {
  const { quotas, redisUrl, logger } = options;
  const redis =
    redisUrl === undefined
      ? undefined
      : connectRedis(redisUrl, logger, "rate limits are counted by each node");

  const limiters = new Map(
    QUOTA_NAMES.map((name) => {
      const settings = { points: quotas[name], duration: WINDOW_S, keyPrefix: `rate:${name}` };
      const memory = new RateLimiterMemory(settings);
      return [
        name,
        redis === undefined
          ? memory
          : new RateLimiterRedis({
              ...settings,
              storeClient: redis,
              useRedisPackage: true,
              rejectIfRedisNotReady: true,
              insuranceLimiter: memory,
            }),
      ] as const;
    }),
  );
  const limiterOf = (name: QuotaName): RateLimiterMemory | RateLimiterRedis => {
    const limiter = limiters.get(name);
    if (limiter === undefined) throw new Error(`there is no quota ${name}`);
    return limiter;
  };

  return {
    async take(quota, caller) {
      try {
        const result = await limiterOf(quota).consume(caller);
        return {
          quota,
          limit: quotas[quota],
          remaining: result.remainingPoints,
          resetS: secondsOf(result),
        };
      } catch (result) {
        // The library throws its result when nothing is left, and errors as errors.
        if (result instanceof Error) throw result;
        throw exceeded(quota, secondsOf(result as RateLimiterRes));
      }
    },
    async close() {
      if (redis?.isOpen === true) redis.destroy();
    },
  };
}
