/** One JSON-RPC request as a client sent it. */
export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What a node answers. */
export type RpcAnswer = { readonly result: unknown } | { readonly error: RpcFailure };

/** What a client gets: an answer, a connection reset instead of one, or silence for ever. */
export type Reply = RpcAnswer | "reset" | "hang";

/** Asks the node behind the proxy. */
export type AskNode = (call: RpcCall) => Promise<RpcAnswer>;

/** A fault decides what the client gets for one request; asking the node is up to it. */
export type Fault = (call: RpcCall, node: AskNode) => Promise<Reply>;

export const hex = (value: number): string => `0x${value.toString(16)}`;

export const isFailure = (answer: RpcAnswer): answer is { readonly error: RpcFailure } =>
  "error" in answer;
