import type Koa from "koa";
import { type AppError, messageOf } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { asAppError, causesOf, problem, PROBLEM_TYPE } from "../problem.ts";
import { problemKind } from "../problems/catalog.ts";

/** What a stranger is told of trouble on our side: how it is called, and nothing out of what we asked or were answered. */
function generalDetail(known: AppError | undefined): string {
  const kind = known === undefined ? undefined : problemKind(known.code);
  return kind?.cause ?? "something went wrong on our side; tell us the requestId";
}

/**
 * Turns whatever is thrown into a problem document. What the caller did wrong is said to them; what went wrong on our side is
 * logged with its stack, and its causes are told only outside production.
 */
export function errors(logger: Logger, production: boolean): Koa.Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const known = asAppError(error);
      if (known === undefined)
        logger.error("a request failed", { error, method: ctx.method, path: ctx.path });
      else if (known.status >= 500)
        logger.warn("a request could not be served", {
          code: known.code,
          reason: known.message,
          cause: messageOf(known.cause),
        });
      const status = known?.status ?? 500;
      ctx.status = status;
      ctx.remove("ETag");
      ctx.set("Cache-Control", "no-store");
      if (status === 401) ctx.set("WWW-Authenticate", 'Bearer realm="meeting-auction"');
      if (known?.retryAfterS !== undefined) ctx.set("Retry-After", String(known.retryAfterS));
      ctx.body = JSON.stringify(
        problem({
          status,
          code: known?.code ?? "internal",
          detail: status >= 500 && production ? generalDetail(known) : messageOf(known ?? error),
          requestId: String(ctx.state["requestId"]),
          errors: [...(known?.errors ?? [])],
          causes: status >= 500 && !production ? causesOf(error) : undefined,
        }),
      );
      ctx.type = PROBLEM_TYPE;
    }
  };
}
