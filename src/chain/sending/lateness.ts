import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber } from "../types.ts";

/** Farther back is not looked: such an end is an incident, not a figure. */
const MAX_BLOCKS = 64;
/** So many timestamps are kept. */
const MAX_KEPT = 1_000;

export interface Lateness {
  /** Blocks that could have held the end before the one that does: their timestamp reached its time. */
  readonly blocks: number;
  /** From the end's time to its block's timestamp. */
  readonly seconds: number;
}

/** Tells how late ends are. Keeps timestamps: after an outage hundreds of ends ask for the same blocks. */
export class LatenessMeter {
  readonly #rpc: JsonRpc;
  readonly #timestampsS = new Map<string, number>();

  constructor(rpc: JsonRpc) {
    this.#rpc = rpc;
  }

  /** How late an end is that could be included from `eligibleS` on. @throws AppError `rpc_unavailable` (retry) */
  async of(block: Block, eligibleS: number): Promise<Lateness> {
    if (this.#timestampsS.size > MAX_KEPT) this.#timestampsS.clear();
    let blocks = 0;
    while (blocks < MAX_BLOCKS && block.number - blocks > 0) {
      const before = await this.#timestampS(block, block.number - blocks - 1);
      if (before === undefined || before < eligibleS) break;
      blocks += 1;
    }
    return { blocks, seconds: Math.max(0, block.timestampS - eligibleS) };
  }

  /** Kept per inclusion's block, as a reorg may put other blocks below another one. */
  async #timestampS(tip: Block, number: number): Promise<number | undefined> {
    const key = `${tip.hash}:${number}`;
    const kept = this.#timestampsS.get(key);
    if (kept !== undefined) return kept;
    const block = await blockByNumber(this.#rpc, number);
    if (block !== null) this.#timestampsS.set(key, block.timestampS);
    return block?.timestampS;
  }
}
