import { z } from "zod";
import type { Logger } from "../logging.ts";
import { QuantityNumber } from "./types.ts";

export interface HeadStreamOptions {
  /** ws:// or wss:// address of a node: ETH_WSS_ENDPOINT. May hold a secret and is never logged. */
  readonly endpoint: string;
  /** The chain's block time as it is known now, in milliseconds. */
  readonly blockTimeMs: () => number;
  /** A new block, perhaps. Only a reason to look: what is true is read over HTTP. */
  readonly onHead: (number: number) => void;
  readonly logger: Logger;
  /** For metrics: the socket was closed, or never opened, and is opened anew. */
  readonly onReconnect?: () => void;
  /** For metrics: the socket was open and said nothing of blocks that HTTP already had. */
  readonly onStall?: () => void;
  /** Wait before the second attempt in a row; it doubles with each, up to `maxBackoffMs`. */
  readonly minBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

/** The socket counts as silent when HTTP has been ahead of it for this many block times. */
const SILENT_AFTER = 2;
/** From the first byte to the confirmed subscription. */
const OPEN_TIMEOUT_MS = 10_000;

const SUBSCRIBE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "eth_subscribe",
  params: ["newHeads"],
});

const Message = z.union([
  z.object({ id: z.literal(1), result: z.string() }),
  z.object({ id: z.literal(1), error: z.object({ message: z.string() }) }),
  z.object({
    method: z.literal("eth_subscription"),
    params: z.object({ result: z.object({ number: QuantityNumber }) }),
  }),
]);

/**
 * New blocks over a WebSocket, as a wake-up and nothing else. A socket can be open and say nothing for days (ponder #2264),
 * so it is compared with HTTP: whoever polls tells `noteHttpHead`, and polls slowly only while `healthy`. Whatever happens
 * to the socket, it is opened again; nothing is ever thrown at the caller.
 */
export class HeadStream {
  readonly #o: HeadStreamOptions;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #started = false;
  #closed = false;
  #subscribed = false;
  /** The newest block this connection has told of; undefined until it has told of one. */
  #socketHead: number | undefined;
  /** The head over HTTP when this connection was first compared: it owes what comes after. */
  #baseline: number | undefined;
  #httpHead: number | undefined;
  /** Since when HTTP has been ahead of the socket. A chain that stands still owes nothing. */
  #behindSinceMs: number | undefined;

  constructor(options: HeadStreamOptions) {
    this.#o = options;
  }

  /** Opens the socket and keeps it open until `close`. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#open();
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Whether the socket tells of new blocks, so that about every second block time is often enough to poll. */
  get healthy(): boolean {
    return this.#subscribed && this.#socketHead !== undefined && this.#behindSinceMs === undefined;
  }

  /** The head as HTTP has it. Call it after every poll: this is how a silent socket is found. */
  noteHttpHead(number: number): void {
    this.#httpHead = number;
    if (!this.#subscribed) return;
    this.#baseline ??= number;
    const blocks = number - (this.#socketHead ?? this.#baseline);
    if (blocks <= 0) {
      this.#behindSinceMs = undefined;
      return;
    }
    const nowMs = Date.now();
    this.#behindSinceMs ??= nowMs;
    if (nowMs - this.#behindSinceMs > SILENT_AFTER * this.#o.blockTimeMs()) this.#stalled(blocks);
  }

  #stalled(blocks: number): void {
    this.#o.logger.warn("the WebSocket endpoint is silent about blocks that HTTP has", { blocks });
    this.#o.onStall?.();
    this.#reopen();
  }

  #open(): void {
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.#o.endpoint);
    } catch {
      // An address that is none; the configuration refuses it before it gets here.
      this.#o.logger.error("the WebSocket endpoint is no address");
      return;
    }
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(socket, "did not open in time"), OPEN_TIMEOUT_MS);
    socket.addEventListener("open", () => socket.send(SUBSCRIBE));
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#hear(socket, data);
    });
    // The error event says nothing; the close event that follows it does.
    socket.addEventListener("error", () => this.#lost(socket, "failed"));
    socket.addEventListener("close", ({ code }) => this.#lost(socket, `was closed (${code})`));
  }

  #hear(socket: WebSocket, data: unknown): void {
    const message = parse(data);
    // Whatever else a node or a proxy says is not for us; if it says nothing but that, HTTP will be ahead.
    if (message === undefined) return;
    if ("error" in message) {
      this.#lost(socket, `refused the subscription: ${message.error.message.slice(0, 200)}`);
      return;
    }
    if ("result" in message) {
      clearTimeout(this.#timer);
      this.#subscribed = true;
      return;
    }
    const { number } = message.params.result;
    this.#socketHead = number;
    if (number >= (this.#httpHead ?? 0)) {
      this.#behindSinceMs = undefined;
      // Only now it has proven itself: a node that lags for ever is not asked again at once for ever.
      this.#failures = 0;
    }
    try {
      this.#o.onHead(number);
    } catch (error) {
      this.#o.logger.error("a wake-up by a new block failed", { error });
    }
  }

  #lost(socket: WebSocket, how: string): void {
    if (socket !== this.#socket || this.#closed) return;
    this.#o.logger.warn("the WebSocket endpoint is lost and will be opened again", { how });
    this.#reopen();
  }

  /** At once after a connection that worked, else after a wait that grows. */
  #reopen(): void {
    clearTimeout(this.#timer);
    this.#drop();
    if (this.#closed) return;
    this.#o.onReconnect?.();
    const { minBackoffMs = 500, maxBackoffMs = 30_000 } = this.#o;
    const waitMs =
      this.#failures === 0 ? 0 : Math.min(maxBackoffMs, minBackoffMs * 2 ** (this.#failures - 1));
    this.#failures += 1;
    // Not all processes at the same moment, when an endpoint comes back.
    this.#timer = setTimeout(() => this.#open(), waitMs * (0.75 + Math.random() / 2));
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#subscribed = false;
    this.#socketHead = undefined;
    this.#baseline = undefined;
    this.#behindSinceMs = undefined;
    socket?.close();
  }
}

function parse(data: unknown): z.infer<typeof Message> | undefined {
  if (typeof data !== "string") return undefined;
  try {
    return Message.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
}
