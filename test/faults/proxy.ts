// A proxy before one node that serves several endpoints, each as a provider of its own, and misbehaves on demand.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { postJson } from "./post-json.ts";
import { RawRecord, type SentRaw } from "./raw-record.ts";
import { type Fault, isFailure, type Reply, type RpcAnswer, type RpcCall } from "./rpc-types.ts";
import { SocketEndpoint } from "./sockets.ts";

/** When a fault happens: the first rule that fits a request decides its fate. */
export interface Rule {
  /** Names the fault in `proxy.injected`. */
  readonly kind: string;
  readonly methods: readonly string[];
  readonly fault: Fault;
  /** Only on this endpoint; on all when absent. */
  readonly endpoint?: number;
  /** How many requests it hits before it is spent; no limit when absent. */
  readonly times?: number;
  readonly when?: (call: RpcCall, record: RawRecord) => boolean;
}

export interface ProxyOptions {
  /** The node. */
  readonly rpcUrl: string;
  readonly wsUrl?: string;
  /** How many HTTP endpoints. */
  readonly endpoints?: number;
  readonly sockets?: number;
  /** Called before a raw transaction is let through for the first time; it waits for this. */
  readonly beforeFirstRaw?: (sent: SentRaw) => Promise<void>;
}

interface ActiveRule {
  readonly rule: Rule;
  left: number;
}

export class FaultProxy {
  readonly record: RawRecord;
  /** Requests by method, over all endpoints. */
  readonly requests = new Map<string, number>();
  /** Faults that really happened, by kind. */
  readonly injected = new Map<string, number>();
  readonly urls: string[] = [];
  readonly sockets: SocketEndpoint[] = [];
  /** Sees every request when it arrives. */
  onRequest: (call: RpcCall, endpoint: number) => void = () => undefined;
  readonly #rpcUrl: string;
  readonly #servers: Server[] = [];
  readonly #rules = new Set<ActiveRule>();
  readonly #hanging = new Set<ServerResponse>();
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;
  #inNode = 0;
  #nextId = 1;

  private constructor(options: ProxyOptions) {
    this.#rpcUrl = options.rpcUrl;
    this.record = new RawRecord(options.beforeFirstRaw);
  }

  static async start(options: ProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    for (let index = 0; index < (options.endpoints ?? 1); index += 1) await proxy.#listen(index);
    for (let index = 0; index < (options.sockets ?? 0); index += 1)
      proxy.sockets.push(await SocketEndpoint.start(options.wsUrl ?? ""));
    return proxy;
  }

  /** Adds a fault; the newest rule is asked first. Returns how to take it away again. */
  add(rule: Rule): () => void {
    const active = { rule, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.#rules.add(active);
    return () => void this.#rules.delete(active);
  }

  /** Ends every fault; requests that hang stay unanswered. */
  calm(): void {
    this.#rules.clear();
  }

  count(kind: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
  }

  /**
   * Holds every request back while `work` changes the chain, so that clients never see it half changed. Requests that
   * are already with the node finish first; `beforeFirstRaw` sees no half-changed chain either.
   */
  async whileHeld<T>(work: () => Promise<T>): Promise<T> {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
    try {
      while (this.#inNode > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      return await work();
    } finally {
      this.#open();
    }
  }

  async close(): Promise<void> {
    this.#open();
    for (const response of this.#hanging) response.destroy();
    for (const socket of this.sockets) await socket.close();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #listen(endpoint: number): Promise<void> {
    const server = createServer((request, response) => {
      this.#serve(endpoint, request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#servers.push(server);
    this.urls.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async #serve(
    endpoint: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const calls: (RpcCall & { id: unknown })[] = Array.isArray(body) ? body : [body];
    const answers = [];
    for (const { id, method, params } of calls) {
      const reply = await this.#reply(endpoint, { method, params: params ?? [] });
      if (reply === "reset") {
        request.socket.resetAndDestroy();
        return;
      }
      if (reply === "hang") {
        this.#hanging.add(response);
        return;
      }
      answers.push({ jsonrpc: "2.0", id, ...reply });
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]));
  }

  async #reply(endpoint: number, call: RpcCall): Promise<Reply> {
    this.requests.set(call.method, (this.requests.get(call.method) ?? 0) + 1);
    this.onRequest(call, endpoint);
    await this.#gate;
    if (call.method === "eth_sendRawTransaction")
      await this.#busy(() => this.record.note(String(call.params[0]), endpoint));
    const active = [...this.#rules]
      .toReversed()
      .find(
        ({ rule, left }) =>
          left > 0 &&
          (rule.endpoint ?? endpoint) === endpoint &&
          rule.methods.includes(call.method) &&
          rule.when?.(call, this.record) !== false,
      );
    if (active === undefined) return this.#askNode(call);
    active.left -= 1;
    this.count(active.rule.kind);
    return active.rule.fault(call, (asked) => this.#askNode(asked));
  }

  async #askNode(call: RpcCall): Promise<RpcAnswer> {
    await this.#gate;
    return this.#busy(async () => {
      const asked = { jsonrpc: "2.0", id: this.#nextId++, ...call };
      const answer = (await postJson(this.#rpcUrl, asked)) as RpcAnswer;
      if (call.method === "eth_sendRawTransaction") this.record.noteAnswer(call, answer);
      return isFailure(answer) ? { error: answer.error } : { result: answer.result };
    });
  }

  /** Work during which the chain must not be changed under it. */
  async #busy<T>(work: () => Promise<T>): Promise<T> {
    this.#inNode += 1;
    try {
      return await work();
    } finally {
      this.#inNode -= 1;
    }
  }
}
