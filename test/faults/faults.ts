// The faults an RPC provider can show, each a function between the client's request and the node.
import { type Fault, hex, isFailure, type RpcAnswer, type RpcCall } from "./rpc-types.ts";

/** The node gets the request and acts on it; the client sees its connection break instead of an answer. */
export const dropResponse: Fault = async (call, node) => {
  await node(call);
  return "reset";
};

/** The connection breaks and the node never hears of the request. */
export const neverForward: Fault = async () => "reset";

/** The node acts; the client waits until its own time-out. */
export const hang: Fault = async (call, node) => {
  await node(call);
  return "hang";
};

/** The answer comes `ms` later than the node gave it. */
export const delay =
  (ms: number): Fault =>
  async (call, node) => {
    const answer = await node(call);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return answer;
  };

/** This error instead of asking the node. */
export const answerError =
  (code: number, message: string, data?: unknown): Fault =>
  async () => ({ error: { code, message, ...(data === undefined ? {} : { data }) } });

/** The same text as a gateway passes it on: a -32603 that holds the node's error in `data`. */
export const answerWrapped = (message: string): Fault =>
  answerError(-32_603, "Internal error", { code: -32_000, message });

/** An answer of our own instead of the node's. */
export const answerWith =
  (result: unknown): Fault =>
  async () => ({ result });

/** The node acts on the request, and its answer is replaced by an error. */
export const acceptThenError =
  (code: number, message: string, data?: unknown): Fault =>
  async (call, node) => {
    await node(call);
    return { error: { code, message, ...(data === undefined ? {} : { data }) } };
  };

const rewrite =
  (change: (result: unknown, call: RpcCall) => unknown): Fault =>
  async (call, node): Promise<RpcAnswer> => {
    const answer = await node(call);
    return isFailure(answer) ? answer : { result: change(answer.result, call) };
  };

/** eth_getTransactionCount as a replica says it that has not seen the last `by` transactions. */
export const staleNonce = (by: number): Fault =>
  rewrite((result) => hex(Math.max(0, Number(result) - by)));

/** Takes the last log out of an eth_getLogs answer, or all of them. */
export const stripLogs = (which: "one" | "all"): Fault =>
  rewrite((result) => (Array.isArray(result) ? strip(result, which) : result));

/** The same for the receipts of eth_getBlockReceipts: the last receipt that has logs loses one, or every one all. */
export const stripReceiptLogs = (which: "one" | "all"): Fault =>
  rewrite((result) => {
    if (!Array.isArray(result)) return result;
    const last = result.findLastIndex((receipt) => receipt.logs.length > 0);
    return result.map((receipt, index) =>
      which === "all" || index === last
        ? { ...receipt, logs: strip(receipt.logs, which) }
        : receipt,
    );
  });

function strip(logs: readonly unknown[], which: "one" | "all"): readonly unknown[] {
  return which === "all" ? [] : logs.slice(0, -1);
}

/** Answers a receipt that was remembered earlier, although its block may have left the chain since. */
export function staleReceipts(): Fault {
  const remembered = new Map<string, unknown>();
  return async (call, node) => {
    const hash = String(call.params[0]);
    const answer = await node(call);
    if (isFailure(answer)) return answer;
    if (answer.result !== null) remembered.set(hash, answer.result);
    return { result: answer.result ?? remembered.get(hash) ?? null };
  };
}

/** A provider that finds every range of more than `maxBlocks` too large, in the words given. */
export const rangeTooLarge =
  (maxBlocks: number, failure: { readonly code: number; readonly message: string }): Fault =>
  async (call, node) => {
    const filter = call.params[0] as { readonly fromBlock?: string; readonly toBlock?: string };
    const blocks = Number(filter.toBlock ?? 0) - Number(filter.fromBlock ?? 0) + 1;
    return filter.fromBlock !== undefined && blocks > maxBlocks ? { error: failure } : node(call);
  };

/** "Too large" as providers word it. */
export const TOO_LARGE_ERRORS = [
  {
    code: -32_602,
    message:
      "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size",
  },
  { code: -32_005, message: "query returned more than 10000 results" },
  { code: -32_614, message: "eth_getLogs is limited to a 10,000 range" },
  { code: -32_000, message: "block range is too wide" },
  { code: -32_000, message: "exceed maximum block range: 5000" },
] as const;
