// The driver's own line to the node: plain JSON-RPC, past the proxy.
import { postJson } from "../faults/post-json.ts";

export class NodeError extends Error {
  readonly code: number;

  constructor(method: string, code: number, message: string) {
    super(`${method}: ${message}`);
    this.code = code;
  }
}

/** A block with its transactions, as much of it as the driver and the checker read. */
export interface NodeBlock {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestamp: string;
  readonly transactions: readonly {
    readonly hash: string;
    readonly from: string;
    readonly nonce: string;
  }[];
}

export class Node {
  readonly #url: string;
  #nextId = 1;

  constructor(url: string) {
    this.#url = url;
  }

  /** @throws NodeError when the node refuses. */
  async send<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    const asked = { jsonrpc: "2.0", id: this.#nextId++, method, params };
    const answer = (await postJson(this.#url, asked)) as {
      readonly result: T;
      readonly error?: { readonly code: number; readonly message: string };
    };
    if (answer.error !== undefined)
      throw new NodeError(method, answer.error.code, answer.error.message);
    return answer.result;
  }

  async blockNumber(): Promise<number> {
    return Number(await this.send<string>("eth_blockNumber"));
  }

  async block(number: number): Promise<NodeBlock> {
    return this.send<NodeBlock>("eth_getBlockByNumber", `0x${number.toString(16)}`, true);
  }

  async nonce(address: string, tag: "latest" | "pending"): Promise<number> {
    return Number(await this.send<string>("eth_getTransactionCount", address, tag));
  }
}
