import { randomUUID } from "node:crypto";
import { type IncomingMessage, STATUS_CODES, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { problem, PROBLEM_TYPE } from "./problem.ts";

/** What Node's parser says of a request that it cannot read, or that takes too long to come. */
const KINDS: Readonly<Record<string, readonly [status: number, code: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "headers_too_large", "path, query and headers together are too long"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request_too_slow", "the request did not come in time"],
};
const OTHER = [400, "request_malformed", "this is not an HTTP request"] as const;

/**
 * Brings the target of a request into the form that everything behind reads, a path: a whole URL, as a proxy is sent, is taken by
 * its path (RFC 9112 §3.2.2). False for one that is no URL, which Node's parser lets through.
 */
export function readTarget(request: IncomingMessage): boolean {
  const { url = "/" } = request;
  if (url.startsWith("/") || url === "*") return true;
  const whole = URL.parse(url);
  if (whole === null || !whole.pathname.startsWith("/")) return false;
  request.url = `${whole.pathname}${whole.search}`;
  return true;
}

/** Answers requests that no route ever sees with a problem document, as the others are; the connection ends with it. */
export function answerUnreadable(server: Server): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const [status, code, detail] = KINDS[error.code ?? ""] ?? OTHER;
    const requestId = randomUUID();
    const body = JSON.stringify(problem({ status, code, detail, requestId }));
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      "Cache-Control: no-store",
      "Connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  });
}
