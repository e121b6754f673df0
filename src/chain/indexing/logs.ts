import { z } from "zod";
import { type JsonRpc, RpcError } from "../rpc.ts";
import { type Block, type Log, LogSchema, ReceiptSchema } from "../types.ts";
import { mayHaveLogs } from "./bloom.ts";

const Logs = z.array(LogSchema);

const Receipts = z.array(ReceiptSchema);

/**
 * The logs of one block, asked for by its hash, so that the answer cannot belong to another fork. An empty answer that
 * the block's bloom filter contradicts is checked against the block's receipts: nodes do answer eth_getLogs from an index
 * that is behind (reference: reth #17678, lotus #12078).
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function logsOfBlock(
  rpc: JsonRpc,
  block: Block,
  addresses: readonly string[],
): Promise<Log[]> {
  const answer = await rpc.call(Logs, "eth_getLogs", [
    { blockHash: block.hash, address: addresses },
  ]);
  const logs = answer.filter((log) => log.blockHash === block.hash);
  const suspicious =
    logs.length !== answer.length ||
    (logs.length === 0 && addresses.some((address) => mayHaveLogs(block.logsBloom, address)));
  if (!suspicious) return logs;
  const receipts = await rpc.call(Receipts, "eth_getBlockReceipts", [block.hash]);
  return receipts
    .flatMap((receipt) => receipt.logs)
    .filter((log) => log.blockHash === block.hash && addresses.includes(log.address));
}

/** Asks for fewer blocks at a time when a provider finds the answer too large, and for more again while it does not. */
export class LogRange {
  #blocks: number;
  readonly #maxBlocks: number;

  constructor(maxBlocks = 2_000) {
    this.#blocks = maxBlocks;
    this.#maxBlocks = maxBlocks;
  }

  /** Logs from `from` on, at most up to `to`, and the block they reach. */
  async fetch(
    rpc: JsonRpc,
    from: number,
    to: number,
    addresses: readonly string[],
  ): Promise<{ readonly logs: Log[]; readonly upTo: number }> {
    for (;;) {
      const upTo = Math.min(to, from + this.#blocks - 1);
      try {
        const logs = await rpc.call(Logs, "eth_getLogs", [
          {
            fromBlock: `0x${from.toString(16)}`,
            toBlock: `0x${upTo.toString(16)}`,
            address: addresses,
          },
        ]);
        this.#blocks = Math.min(this.#maxBlocks, Math.ceil(this.#blocks * 1.1));
        return { logs, upTo };
      } catch (error) {
        // Each provider words "too large" in its own way, so every refusal of a wide range is answered with a narrower one.
        if (!(error instanceof RpcError) || upTo === from) throw error;
        this.#blocks = Math.max(1, Math.floor((upTo - from + 1) / 2));
      }
    }
  }
}
