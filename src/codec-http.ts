import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Payload } from "@temporalio/common";
import { z } from "zod";
import { createPayloadCodec, type PayloadKeys } from "./codec.ts";
import { messageOf } from "./errors.ts";
import type { Secret } from "./secret.ts";

export interface CodecServerOptions {
  readonly keys: PayloadKeys;
  /** Of the Temporal Web UI; without it no browser is answered. */
  readonly origin?: string;
  /** What callers must bear, where others than this machine can call. */
  readonly token?: Secret;
}

/** The server sends no message that is larger; base64 makes four bytes of three. */
const BODY_BYTES = 8 * 1024 * 1024;
const PAYLOADS = 10_000;

const Base64 = z.base64();
/** As protobuf's JSON has them. */
const Body = z.object({
  payloads: z
    .array(
      z.object({
        metadata: z.record(z.string().max(200), Base64).optional(),
        data: Base64.optional(),
      }),
    )
    .max(PAYLOADS),
});

/** A request that is refused, and with which status. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The protocol of Temporal's remote codecs: POST …/encode and …/decode with `{payloads}`. Whoever reaches it can have everything
 * opened, so pages of other origins than the Web UI's are refused, whether their browser asks before or not, and a token is
 * asked for where there is one.
 */
export function createCodecServer(options: CodecServerOptions): Server {
  return createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      const status = error instanceof Refusal ? error.status : 500;
      reply(response, status, { message: messageOf(error) });
    });
  });
}

async function answer(
  options: CodecServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { origin } = request.headers;
  if (origin !== undefined) {
    if (origin !== options.origin) throw new Refusal(403, "this origin is not the Web UI's");
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-allow-credentials", "true");
    response.setHeader("vary", "origin");
  }
  if (request.method === "OPTIONS") {
    response.setHeader("access-control-allow-methods", "POST");
    response.setHeader("access-control-allow-headers", "content-type, x-namespace, authorization");
    // A page that came over the network may call this machine.
    response.setHeader("access-control-allow-private-network", "true");
    response.writeHead(204).end();
    return;
  }
  const [, action] = /\/(encode|decode)\/?$/.exec(request.url?.split("?")[0] ?? "") ?? [];
  if (action === undefined) throw new Refusal(404, "there are /encode and /decode");
  if (request.method !== "POST") throw new Refusal(405, "POST alone");
  if (!mayCall(options.token, request.headers.authorization))
    throw new Refusal(401, "the token (CODEC_TOKEN) is missing or another");
  const codec = createPayloadCodec(options.keys);
  const payloads = await payloadsOf(request);
  const done = await codec[action === "encode" ? "encode" : "decode"](payloads).catch(
    (error: unknown) => {
      throw new Refusal(400, messageOf(error));
    },
  );
  reply(response, 200, { payloads: done.map(jsonOf) });
}

function mayCall(token: Secret | undefined, given: string | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(`Bearer ${token.reveal()}`), digest(given ?? ""));
}

async function payloadsOf(request: IncomingMessage): Promise<Payload[]> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw new Refusal(413, `more than ${BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  let body;
  try {
    body = Body.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  } catch {
    throw new Refusal(400, "the body must be {payloads: [{metadata, data}]} with base64");
  }
  return body.payloads.map(({ metadata = {}, data = "" }) => ({
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, "base64")]),
    ),
    data: Buffer.from(data, "base64"),
  }));
}

function jsonOf({ metadata, data }: Payload): object {
  const text = (bytes: Uint8Array | null | undefined): string =>
    Buffer.from(bytes ?? []).toString("base64");
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, text(value)]),
    ),
    data: text(data),
  };
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
