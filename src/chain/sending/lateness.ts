import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber } from "../types.ts";

/** Farther back is not looked: such an end is an incident, not a figure. */
const MAX_BLOCKS = 64;

/**
 * How late an end is: the blocks that could have held it before the one that does (their timestamp reached `eligibleS`), and
 * the seconds from `eligibleS` to its block's timestamp.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function latenessOf(
  rpc: JsonRpc,
  block: Pick<Block, "number" | "timestampS">,
  eligibleS: number,
): Promise<{ readonly blocks: number; readonly seconds: number }> {
  let blocks = 0;
  while (blocks < MAX_BLOCKS && block.number - blocks > 0) {
    const before = await blockByNumber(rpc, block.number - blocks - 1);
    if (before === null || before.timestampS < eligibleS) break;
    blocks += 1;
  }
  return { blocks, seconds: Math.max(0, block.timestampS - eligibleS) };
}
