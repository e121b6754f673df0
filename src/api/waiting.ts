import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { problem, PROBLEM_TYPE } from "./problem.ts";
import { answerUnreadable } from "./unreadable.ts";

/** Those who ask come back after this. */
const RETRY_AFTER_S = 2;

export interface WaitingRoom {
  readonly port: number;
  /** Frees the port for the API. */
  close(): Promise<void>;
}

/**
 * Answers at the API's port while its process still waits for what it needs: alive, and not ready because of `waitsFor()`. So a
 * supervisor does not take a long wait for a dead process, and a person is not left with a connection that is refused.
 * @throws the error of listen, such as EADDRINUSE
 */
export async function openWaitingRoom(options: {
  readonly host: string;
  readonly port: number;
  readonly waitsFor: () => string;
}): Promise<WaitingRoom> {
  const server = createServer((request, response) => {
    const answer = (status: number, type: string, body: object): void => {
      const headers = { "content-type": type, "cache-control": "no-store", connection: "close" };
      const again = status === 503 ? { "retry-after": String(RETRY_AFTER_S) } : {};
      response.writeHead(status, { ...headers, ...again }).end(JSON.stringify(body));
    };
    const detail = `this server is starting and waits for ${options.waitsFor()}`;
    const [path] = (request.url ?? "").split("?", 1);
    if (path === "/healthz") answer(200, "application/json", { status: "ok" });
    else if (path === "/readyz")
      answer(503, "application/json", { ready: false, checks: { start: { ok: false, detail } } });
    else {
      const requestId = randomUUID();
      const body = problem({ status: 503, code: "starting", detail, requestId });
      answer(503, PROBLEM_TYPE, body);
    }
  });
  answerUnreadable(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
