import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { refused } from "../errors.ts";
import { withLogContext } from "../logging.ts";
import type { ApiDeps } from "./context.ts";
import { errors } from "./middleware/errors.ts";
import { readQuery } from "./middleware/query.ts";
import { accessLog, requestId } from "./middleware/request.ts";
import { allowFrontends, originCheck, securityHeaders } from "./middleware/security.ts";
import { docs } from "./openapi/docs.ts";
import { createRealtime } from "./realtime/server.ts";
import type { ApiServer } from "./realtime/types.ts";
import { createRouter } from "./router.ts";
import { routes } from "./routes.ts";
import { answerUnreadable, readTarget } from "./unreadable.ts";

export type { ApiDeps, ApiMetrics, AuctionRules, Health } from "./context.ts";

/** How long requests that are being served may take to finish when the process stops. */
const CLOSE_TIMEOUT_MS = 10_000;

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/**
 * Longer than proxies keep an idle connection (nginx and most load balancers: 60 s). With Node's five seconds a request could meet a
 * connection that is just being closed, which its sender sees as a 502 or a reset.
 */
const KEEP_ALIVE_MS = 75_000;

export interface Api {
  readonly httpServer: HttpServer;
  readonly io: ApiServer;
  /** Listens, and returns the port (of use with port 0). @throws the error of listen, such as EADDRINUSE */
  listen(port: number, host: string): Promise<number>;
  /** Takes no more requests, lets those being served finish, and says goodbye to the sockets. */
  close(): Promise<void>;
}

/**
 * The HTTP API and the sockets of one node.
 * @throws Error when a route is declared without a policy.
 */
export function createApi(deps: ApiDeps): Api {
  const { config, logger, metrics } = deps;
  const app = new Koa();
  // Nothing of ours looks at X-Forwarded-*: whoever could set them could pretend to be somebody else.
  app.proxy = false;
  app.silent = true;
  app.on("error", (error: unknown) => logger.warn("an answer could not be sent", { error }));
  app.use(requestId());
  app.use(accessLog(logger, metrics));
  app.use(securityHeaders());
  app.use(errors(logger, config.NODE_ENV === "production"));
  // Before anything that refuses: a page must be able to read why.
  app.use(allowFrontends(originCheck(config, logger)));
  app.use(readQuery());
  app.use(docs(routes));
  app.use(createRouter(routes, deps).routes());
  app.use(() => {
    throw refused(
      "route_not_found",
      "there is nothing at this path; /docs lists what there is",
      404,
    );
  });

  const handle = app.callback();
  // Clients offer HTTP/2 with any request: only sockets change the protocol, and who offers to elsewhere is answered in this one.
  const shouldUpgradeCallback = ({ url }: IncomingMessage): boolean =>
    url?.startsWith("/socket.io/") === true;
  const httpServer = createServer({ shouldUpgradeCallback }, (request, response) => {
    if (readTarget(request)) void withLogContext({}, () => handle(request, response));
    else httpServer.emit("clientError", new Error("the target is no URL"), request.socket);
  });
  // Somebody who sends a request byte by byte holds a connection no longer than this.
  httpServer.headersTimeout = HEADERS_TIMEOUT_MS;
  httpServer.requestTimeout = REQUEST_TIMEOUT_MS;
  httpServer.keepAliveTimeout = KEEP_ALIVE_MS;
  answerUnreadable(httpServer);
  const realtime = createRealtime(httpServer, deps);

  return {
    httpServer,
    io: realtime.io,
    async listen(port, host) {
      await realtime.start();
      await new Promise<void>((resolve, reject) => {
        httpServer.once("error", reject);
        httpServer.listen(port, host, () => {
          httpServer.off("error", reject);
          resolve();
        });
      });
      return (httpServer.address() as AddressInfo).port;
    },
    async close() {
      const deadline = setTimeout(() => httpServer.closeAllConnections(), CLOSE_TIMEOUT_MS);
      // Closes the HTTP server too: idle connections at once, busy ones when their answer is sent.
      await realtime.close();
      clearTimeout(deadline);
    },
  };
}
