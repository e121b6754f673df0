import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

/** What a sandbox's route gets: the request, read completely. */
export interface SandboxRequest {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface SandboxAnswer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly method: string;
  /** `/users/:id`: a segment with a colon matches anything and is given as parameter. */
  readonly path: string;
  readonly handle: (request: SandboxRequest) => SandboxAnswer | Promise<SandboxAnswer>;
}

const faultBody = z.object({
  path: z.string(),
  mode: z.enum(["hang", "slow", "status", "garbage", "body", "reset"]),
  status: z.number().optional(),
  body: z.unknown().optional(),
  times: z.number().optional(),
  /** `slow`: how long the right answer is held back, milliseconds. */
  delayMs: z.number().int().min(0).max(600_000).optional(),
});

const SLOW_MS = 1_000;

/** Misbehaviour on demand, for a path as it is requested (or `*`), the next `times` times. */
export type Fault = Readonly<z.infer<typeof faultBody>>;

export interface SandboxServer {
  readonly url: string;
  readonly port: number;
  addFault(fault: Fault): void;
  clearFaults(): void;
  stop(): Promise<void>;
}

/**
 * Starts an HTTP server on 127.0.0.1 (port 0: any free one). `POST /__sandbox/faults` adds a fault and
 * `DELETE /__sandbox/faults` removes them all, at every sandbox. The routes may depend on the address.
 */
export async function startServer(
  port: number,
  buildRoutes: (at: { readonly url: string; readonly port: number }) => readonly Route[],
): Promise<SandboxServer> {
  const faults: { fault: Fault; left: number }[] = [];
  const addFault = (added: Fault): void =>
    void faults.push({ fault: added, left: added.times ?? Infinity });
  const controls: Route[] = [
    {
      method: "POST",
      path: "/__sandbox/faults",
      handle: (request) => (addFault(faultBody.parse(JSON.parse(request.text))), { status: 204 }),
    },
    {
      method: "DELETE",
      path: "/__sandbox/faults",
      handle: () => ((faults.length = 0), { status: 204 }),
    },
  ];
  let routes: readonly Route[] = [];
  const server = createServer((incoming, outgoing) => {
    void serve(routes, faults, incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const at = { url: `http://127.0.0.1:${address.port}`, port: address.port };
  routes = [...controls, ...buildRoutes(at)];
  return {
    ...at,
    addFault,
    clearFaults: () => void (faults.length = 0),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  routes: readonly Route[],
  faults: { fault: Fault; left: number }[],
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(incoming.url ?? "/", "http://sandbox");
    const text = await readText(incoming);
    const active = url.pathname.startsWith("/__sandbox/")
      ? undefined
      : faults.find(
          ({ fault, left }) => left > 0 && (fault.path === "*" || fault.path === url.pathname),
        );
    if (active !== undefined) {
      active.left -= 1;
      if (active.fault.mode !== "slow") {
        misbehave(active.fault, incoming, outgoing);
        return;
      }
      await delay(active.fault.delayMs ?? SLOW_MS, undefined, { ref: false });
    }
    const answer = await dispatch(routes, incoming, url, text);
    send(outgoing, answer);
  } catch (error) {
    if (!outgoing.headersSent)
      send(outgoing, {
        status: 500,
        body: { message: `sandbox: ${error instanceof Error ? error.message : String(error)}` },
      });
  }
}

async function dispatch(
  routes: readonly Route[],
  incoming: IncomingMessage,
  url: URL,
  text: string,
): Promise<SandboxAnswer> {
  const method = incoming.method ?? "GET";
  for (const route of routes) {
    if (route.method !== method) continue;
    const params = match(route.path, url.pathname);
    if (params !== undefined)
      return route.handle({
        method,
        path: url.pathname,
        params,
        query: url.searchParams,
        headers: incoming.headers,
        text,
      });
  }
  return { status: 404, body: { message: `the sandbox has no ${method} ${url.pathname}` } };
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? "";
    if (segment.startsWith(":")) params[segment.slice(1)] = decodeURIComponent(value);
    else if (segment !== value) return undefined;
  }
  return params;
}

function misbehave(fault: Fault, incoming: IncomingMessage, outgoing: ServerResponse): void {
  switch (fault.mode) {
    case "slow":
    case "hang":
      return;
    case "reset":
      incoming.socket.destroy();
      return;
    case "garbage":
      outgoing.writeHead(fault.status ?? 200, { "content-type": "application/json" }).end('{"half');
      return;
    case "status":
      send(outgoing, {
        status: fault.status ?? 500,
        body: fault.body ?? { message: "fault on demand" },
      });
      return;
    case "body":
      send(outgoing, { status: fault.status ?? 200, body: fault.body });
  }
}

function send(outgoing: ServerResponse, answer: SandboxAnswer): void {
  if (answer.html !== undefined) {
    outgoing
      .writeHead(answer.status, { "content-type": "text/html; charset=utf-8", ...answer.headers })
      .end(answer.html);
    return;
  }
  outgoing.writeHead(answer.status, { "content-type": "application/json", ...answer.headers });
  outgoing.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
