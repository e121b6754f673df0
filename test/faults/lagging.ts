import { type Fault, hex, isFailure, type RpcCall } from "./rpc-types.ts";

/** Position of the block argument of the methods that take one. */
const BLOCK_ARGUMENT: Readonly<Record<string, number>> = {
  eth_getBlockByNumber: 0,
  eth_getBlockReceipts: 0,
  eth_getTransactionCount: 1,
  eth_call: 1,
  eth_getCode: 1,
  eth_getBalance: 1,
};

/** The methods that a lagging replica answers differently. */
export const LAGGING_METHODS = [
  ...Object.keys(BLOCK_ARGUMENT),
  "eth_blockNumber",
  "eth_getTransactionReceipt",
  "eth_getTransactionByHash",
];

/** A replica that is `blocks` behind: its head, its state, its receipts and its nonces. */
export function laggingBy(blocks: number): Fault {
  return async (call, node) => {
    const answer = await node({ method: "eth_blockNumber", params: [] });
    if (isFailure(answer)) return answer;
    const head = Math.max(0, Number(answer.result) - blocks);
    if (call.method === "eth_blockNumber") return { result: hex(head) };
    const seen = await node(asOf(call, head));
    if (isFailure(seen)) return seen;
    return { result: beyond(call, seen.result, head) ? null : seen.result };
  };
}

function asOf(call: RpcCall, head: number): RpcCall {
  const position = BLOCK_ARGUMENT[call.method];
  if (position === undefined) return call;
  const params = [...call.params];
  if (["latest", "pending"].includes(String(params[position]))) params[position] = hex(head);
  return { method: call.method, params };
}

function beyond(call: RpcCall, result: unknown, head: number): boolean {
  if (result === null || typeof result !== "object") return false;
  const number =
    call.method === "eth_getBlockByNumber" && "number" in result
      ? result.number
      : "blockNumber" in result
        ? result.blockNumber
        : null;
  return number !== null && Number(number) > head;
}
