// Answers that make sense by themselves and are not true, or not of our chain.
import { Transaction } from "ethers";
import { type Fault, hex, isFailure } from "./rpc-types.ts";

/** The hash of the same block on a chain that is not ours. */
const elsewhere = (hash: string): string => `0xdead${hash.slice(6)}`;

/** A balancer that passes the request on to a node of another chain, which is as long as ours. */
export const otherChain: Fault = async (call, node) => {
  if (call.method === "eth_chainId") return { result: hex(0xdead) };
  if (call.method === "eth_sendRawTransaction")
    return { error: { code: -32_000, message: "invalid chain id for signer" } };
  if (call.method !== "eth_getBlockByNumber")
    return { result: call.method === "eth_getLogs" ? [] : null };
  const answer = await node(call);
  if (isFailure(answer) || answer.result === null || typeof answer.result !== "object")
    return answer;
  const block = answer.result as { readonly hash: string; readonly parentHash: string };
  return {
    result: { ...block, hash: elsewhere(block.hash), parentHash: elsewhere(block.parentHash) },
  };
};

/** A node that takes less than it suggests for nobody, and says how much it wants. */
export const minimumTip =
  (wei: bigint): Fault =>
  async (call, node) => {
    const tip = Transaction.from(String(call.params[0])).maxPriorityFeePerGas ?? 0n;
    if (tip >= wei) return node(call);
    const message = `transaction gas price below minimum: gas tip cap ${tip}, minimum needed ${wei}`;
    return { error: { code: -32_000, message } };
  };

/** A head that the chain will not reach for days. */
export const falseHead =
  (by: number): Fault =>
  async (call, node) => {
    const answer = await node(call);
    if (call.params[0] !== "latest" || isFailure(answer)) return answer;
    const block = answer.result as { readonly number: string; readonly hash: string };
    return {
      result: { ...block, number: hex(Number(block.number) + by), hash: elsewhere(block.hash) },
    };
  };

/** The node takes the transaction and names another. */
export const otherHash: Fault = async (call, node) => {
  const answer = await node(call);
  return isFailure(answer) ? answer : { result: elsewhere(String(answer.result)) };
};

const TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

/** A receipt into which another contract has written too: a token with a hook, or the chain's own. */
export const foreignLog: Fault = async (call, node) => {
  const answer = await node(call);
  if (isFailure(answer) || answer.result === null || typeof answer.result !== "object")
    return answer;
  const receipt = answer.result as {
    readonly logs: readonly { readonly logIndex: string }[];
    readonly transactionHash: string;
    readonly blockNumber: string;
    readonly blockHash: string;
  };
  const { transactionHash, blockNumber, blockHash, logs } = receipt;
  const strange = {
    address: `0x${"0".repeat(36)}800a`,
    topics: [TRANSFER, `0x${"0".repeat(64)}`],
    data: `0x${"1".repeat(64)}`,
    transactionHash,
    blockNumber,
    blockHash,
    logIndex: hex(10_000),
    removed: false,
  };
  return { result: { ...receipt, logs: [strange, ...logs] } };
};

/** `null` where there are no logs. */
export const nullLogs: Fault = async (call, node) => {
  const answer = await node(call);
  const isEmpty = !isFailure(answer) && Array.isArray(answer.result) && answer.result.length === 0;
  return isEmpty ? { result: null } : answer;
};

/** A pool that counts transactions nobody has sent. */
export const highPending =
  (by: number): Fault =>
  async (call, node) => {
    const answer = await node(call);
    if (call.params[1] !== "pending" || isFailure(answer)) return answer;
    return { result: hex(Number(answer.result) + by) };
  };
