import { createServer } from "node:http";
import Koa from "koa";
import type { ApiConfig } from "../config.ts";
import type { Logger } from "../logging.ts";
import { requestId } from "./middleware/request.ts";
import { allowFrontends, originCheck, securityHeaders } from "./middleware/security.ts";
import { problem, PROBLEM_TYPE } from "./problem.ts";
import { answerUnreadable } from "./unreadable.ts";

/** Those who ask come back after this. */
const RETRY_AFTER_S = 2;

export interface StartupServer {
  /** Frees the port for the API. */
  close(): Promise<void>;
}

/**
 * Answers at the API's port while its process still waits for what it needs: alive, and not ready because of `waitsFor()`, which
 * strangers read. Without it a supervisor takes a long wait for a dead process, and the connections of pages are refused.
 * @throws the error of listen, such as EADDRINUSE
 */
export async function serveWhileStarting(
  config: Pick<ApiConfig, "HOST" | "PORT" | "FRONTEND_URL" | "NODE_ENV">,
  logger: Logger,
  waitsFor: () => string,
): Promise<StartupServer> {
  const app = new Koa();
  app.silent = true;
  app.use(requestId());
  app.use(securityHeaders());
  app.use(allowFrontends(originCheck(config, logger)));
  app.use((ctx) => {
    ctx.set({ "Cache-Control": "no-store", Connection: "close" });
    if (ctx.path === "/healthz") {
      ctx.body = { status: "ok" };
      return;
    }
    const detail = `this server is starting and waits for ${waitsFor()}`;
    ctx.status = 503;
    ctx.set("Retry-After", String(RETRY_AFTER_S));
    if (ctx.path === "/readyz")
      ctx.body = { ready: false, checks: { start: { ok: false, detail } } };
    else {
      const given = String(ctx.state["requestId"]);
      ctx.body = problem({ status: 503, code: "starting", detail, requestId: given });
      ctx.type = PROBLEM_TYPE;
    }
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  answerUnreadable(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.PORT, config.HOST, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
