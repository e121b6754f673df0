import { z } from "zod";
import { AppError } from "../../errors.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import { Address, Hash, QuantityNumber, transactionCounts } from "../types.ts";

const FullBlock = z.object({
  hash: Hash,
  transactions: z.array(z.object({ hash: Hash, from: Address, nonce: QuantityNumber })),
});

const FIRST_STEP_BACK = 16;

/** A state or a block that was thrown away, in the words of the clients (geth, erigon, nethermind, besu, reth) and providers. */
const PRUNED =
  /missing trie node|pruned|histor\w+ (state|data|block)|state .*(not|no longer|un)\s?(be )?(available|found|present)|no state (available|found)|world state unavailable|old data not available/i;

/** Which transaction used a nonce, and in which block. */
export interface Consumption {
  readonly hash: string;
  readonly blockNumber: number;
  readonly blockHash: string;
}

/**
 * Looks in the chain itself for the transaction that used a nonce. A receipt that is missing proves nothing (nodes lag, and
 * lose their indexes); the block that raised the account's count does. A binary search over the count finds that block.
 * `unused`: not used up to `toBlock`. `pruned`: the nodes no longer keep the state of so old a block, or the block. `unknown`: they
 * cannot say now.
 */
export async function transactionOfNonce(
  rpc: JsonRpc,
  wallet: string,
  nonce: number,
  fromBlock: number,
  toBlock: number,
): Promise<Consumption | "unused" | "pruned" | "unknown"> {
  const usedAt = async (block: number): Promise<boolean> =>
    Math.min(...(await transactionCounts(rpc, wallet, block))) > nonce;
  try {
    if (fromBlock > toBlock || !(await usedAt(toBlock))) return "unused";
    // What used the nonce may be older than our transaction: an endpoint that lagged let us give the nonce away twice.
    let low = fromBlock;
    let high = toBlock;
    for (let step = FIRST_STEP_BACK; low > 0 && (await usedAt(low)); step *= 4) {
      high = low;
      low = Math.max(0, low - step);
    }
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (await usedAt(middle)) high = middle;
      else low = middle + 1;
    }
    const block = await rpc.call(FullBlock.nullable(), "eth_getBlockByNumber", [
      `0x${high.toString(16)}`,
      true,
    ]);
    const found = block?.transactions.find((one) => one.from === wallet && one.nonce === nonce);
    if (block === null || found === undefined) return "pruned";
    return { hash: found.hash, blockNumber: high, blockHash: block.hash };
  } catch (error) {
    const said = error instanceof AppError ? error.cause : error;
    if (said instanceof RpcError && PRUNED.test(said.message)) return "pruned";
    if (said instanceof RpcError || (error instanceof AppError && error.kind === "retry"))
      return "unknown";
    throw error;
  }
}
