// WebSocket endpoints of the proxy: a tunnel that looks into the frames the node sends.
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { encodeText, FrameReader } from "./frames.ts";

/** `silent`: connections stay open and nothing the node says arrives any more. */
export type SocketMode = "normal" | "silent";

/** One WebSocket endpoint before the node's own. */
export class SocketEndpoint {
  readonly url: string;
  /** What the node's frames go through: the text to pass on, or undefined to swallow it. */
  transform: (message: unknown) => unknown = (message) => message;
  mode: SocketMode = "normal";
  /** Frames that were kept from the client. */
  swallowed = 0;
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(nodeUrl: string): Promise<SocketEndpoint> {
    const target = new URL(nodeUrl);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const endpoint = new SocketEndpoint(server);
    server.on("connection", (client) => endpoint.#tunnel(client, target));
    return endpoint;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** RST to every client. */
  reset(): void {
    for (const [client, node] of this.#pairs) {
      this.#pairs.delete(client);
      client.resetAndDestroy();
      node.destroy();
    }
  }

  /** Says something to every client that the node did not say. */
  inject(message: unknown): void {
    for (const client of this.#pairs.keys()) client.write(encodeText(JSON.stringify(message)));
  }

  async close(): Promise<void> {
    for (const [client, node] of this.#pairs) {
      client.destroy();
      node.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #tunnel(client: Socket, target: URL): void {
    const node = connect(Number(target.port), target.hostname);
    this.#pairs.set(client, node);
    const end = (): void => {
      this.#pairs.delete(client);
      client.destroy();
      node.destroy();
    };
    for (const socket of [client, node]) {
      socket.on("error", end);
      socket.on("close", end);
    }
    // Compressed frames could not be read: the offer is taken out of the handshake.
    client.once("data", (handshake: Buffer) => {
      const text = handshake.toString("latin1").replace(/\r\nsec-websocket-extensions:[^\r]*/i, "");
      node.write(Buffer.from(text, "latin1"));
      client.on("data", (chunk: Buffer) => node.write(chunk));
    });
    const frames = new FrameReader((text, frame) => this.#fromNode(client, text, frame));
    node.on("data", (chunk: Buffer) => {
      const rest = frames.handshakeDone ? chunk : this.#answerHandshake(client, chunk, frames);
      if (rest.length > 0) frames.push(rest);
    });
  }

  #answerHandshake(client: Socket, chunk: Buffer, frames: FrameReader): Buffer {
    const end = chunk.indexOf("\r\n\r\n");
    const headLength = end === -1 ? chunk.length : end + 4;
    client.write(chunk.subarray(0, headLength));
    frames.handshakeDone = end !== -1;
    return chunk.subarray(headLength);
  }

  /** `text` is undefined for a frame that is no text message: ping, pong, close. */
  #fromNode(client: Socket, text: string | undefined, frame: Buffer): void {
    if (this.mode === "silent") {
      this.swallowed += 1;
      return;
    }
    if (text === undefined) {
      client.write(frame);
      return;
    }
    const message = this.transform(JSON.parse(text));
    if (message === undefined) this.swallowed += 1;
    else client.write(encodeText(JSON.stringify(message)));
  }
}

/** A transform that marks the logs of subscriptions as removed, as a node says it when their block leaves the chain. */
export function markRemoved(message: unknown): unknown {
  const { params } = message as { params?: { result?: { topics?: unknown } } };
  if (params?.result?.topics === undefined) return message;
  return {
    ...(message as object),
    params: { ...params, result: { ...params.result, removed: true } },
  };
}

/** A transform that keeps the notifications of new blocks from arriving; everything else does. */
export function withoutHeads(message: unknown): unknown {
  const { params } = message as { params?: { result?: { parentHash?: unknown } } };
  return params?.result?.parentHash === undefined ? message : undefined;
}
