import type { z } from "zod";
import { AppError } from "../../errors.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import type { Log } from "../types.ts";
import { Logs } from "./logs.ts";

/** What a provider's refusal says about the range: the block it may reach, or how many blocks any range may have. */
export interface RangeAdvice {
  readonly upTo?: number;
  readonly maxBlocks?: number;
}

interface Refusal {
  readonly providers: string;
  readonly pattern: RegExp;
  readonly advice: (match: RegExpExecArray) => RangeAdvice;
}

const number = (text: string | undefined): number => Number((text ?? "").replaceAll(",", ""));
const reach = (match: RegExpExecArray): RangeAdvice => ({ upTo: number(match[1]) });
const blocks = (match: RegExpExecArray): RangeAdvice => ({ maxBlocks: number(match[1]) });
const thousands = (match: RegExpExecArray): RangeAdvice => ({
  maxBlocks: number(match[1]) * 1_000,
});
const halve = (): RangeAdvice => ({});

/**
 * How providers say that a range of logs is too large; the first that fits counts. The texts are in
 * test/chain/logs-ranges.test.ts, one at least for each line.
 */
const REFUSALS: readonly Refusal[] = [
  // A range they would answer: as tight as the logs lie now, no rule for later ranges.
  {
    providers: "Alchemy",
    pattern: /block range should work: \[0x[0-9a-f]+, (0x[0-9a-f]+)\]/i,
    advice: reach,
  },
  {
    providers: "Infura, thirdweb, zkSync, Tenderly",
    pattern: /try with this block range \[0x[0-9a-f]+, (0x[0-9a-f]+)\]/i,
    advice: reach,
  },
  { providers: "reth", pattern: /retry with the range \d+-(\d+)/i, advice: reach },
  // A limit in blocks: it holds for every range.
  { providers: "Cloudflare", pattern: /max range: ([\d,]+)/i, advice: blocks },
  {
    providers: "1RPC",
    pattern: /(?:are|is) limited to (?:a |0 - )?([\d,]+)k (?:blocks? )?range/i,
    advice: thousands,
  },
  {
    providers: "QuickNode, BlockPi, 1RPC",
    pattern: /(?:are|is) limited to (?:a |0 - )?([\d,]+) (?:blocks? )?range/i,
    advice: blocks,
  },
  { providers: "1RPC", pattern: /limited to 0 - ([\d,]+) blocks/i, advice: blocks },
  {
    providers: "dRPC",
    pattern: /ranges over ([\d,]+) blocks are not supported/i,
    advice: blocks,
  },
  { providers: "Merkle", pattern: /max is (\d+)k blocks/i, advice: thousands },
  {
    providers: "geth, BSC, Blast, PublicNode, reth, Besu, Nethermind",
    pattern:
      /(?:max(?:imum)?(?: rpc)? (?:block )?range(?: limit)?(?: is set to)?|maximum is set to):? ?([\d,]+)/i,
    advice: blocks,
  },
  {
    providers: "Erigon, HyperRPC",
    pattern:
      /block range (?:\(\d+\) )?(?:greater than|exceeds|limit:?) (?:max(?:imum)? )?([\d,]+)/i,
    advice: blocks,
  },
  { providers: "Coinbase", pattern: /query to at most ([\d,]+) blocks/i, advice: blocks },
  // Too large, by how much they do not say.
  {
    providers: "Ankr, Optimism, Base, Chainstack, Besu",
    pattern: /block range (?:is |limit )?(?:too (?:wide|large)|exceed)|range is too large/i,
    advice: halve,
  },
  {
    providers: "Erigon, LlamaRPC, Arbitrum, Moonbeam",
    pattern:
      /query (?:returned|exceeds) (?:more than|max) |exceeds? limit of \d+|max(?:imum)? results/i,
    advice: halve,
  },
  {
    providers: "Alchemy, proxies in front of nodes",
    pattern:
      /response (?:size|is) (?:exceeded|too (?:big|large)|should not)|response size|too large/i,
    advice: halve,
  },
  {
    providers: "geth, Infura, Arbitrum: it took them too long",
    pattern: /query timeout|query timed out|request timed out|context deadline|took too long/i,
    advice: halve,
  },
  {
    providers: "Besu, others without a number",
    pattern: /requested range exceeds|exceeds? (?:the )?(?:maximum|max) (?:rpc )?(?:block )?range/i,
    advice: halve,
  },
];

/** What the refusal of a range says; undefined when it does not speak of the range's size. */
export function adviceOf(message: string): RangeAdvice | undefined {
  for (const { pattern, advice } of REFUSALS) {
    const match = pattern.exec(message);
    if (match !== null) return advice(match);
  }
  return undefined;
}

/** The node's own words, also when no endpoint had better ones. */
function refusalOf(error: unknown): RpcError | undefined {
  if (error instanceof RpcError) return error;
  return error instanceof AppError && error.cause instanceof RpcError ? error.cause : undefined;
}

/** How often a failure that does not speak of size is answered with a smaller range before it is passed on. */
const BLIND_SHRINKS = 3;

/** Asks for fewer blocks at a time when a provider finds the answer too large, and for more again while it does not. */
export class LogRange {
  #blocks: number;
  #maxBlocks: number;

  constructor(maxBlocks = 2_000) {
    this.#blocks = maxBlocks;
    this.#maxBlocks = maxBlocks;
  }

  /** How many blocks the next range has at most. */
  get blocks(): number {
    return this.#blocks;
  }

  /**
   * Logs from `from` on, at most up to `to`, and the block they reach. @throws RpcError; AppError `rpc_unavailable`
   * (retry): no range, however small, was answered, or the refusal has nothing to do with size
   */
  async fetch(
    rpc: JsonRpc,
    from: number,
    to: number,
    addresses: readonly string[],
  ): Promise<{ readonly logs: readonly Log[]; readonly upTo: number }> {
    const before = this.#blocks;
    for (let blind = 0; ;) {
      const upTo = Math.min(to, from + this.#blocks - 1);
      try {
        const logs: z.infer<typeof Logs> = await rpc.call(Logs, "eth_getLogs", [
          {
            fromBlock: `0x${from.toString(16)}`,
            toBlock: `0x${upTo.toString(16)}`,
            address: addresses,
          },
        ]);
        this.#blocks = Math.min(this.#maxBlocks, Math.ceil(this.#blocks * 1.1));
        return { logs, upTo };
      } catch (error) {
        const width = upTo - from + 1;
        const advice = adviceOf(refusalOf(error)?.message ?? "");
        if (advice === undefined) {
          blind += 1;
          // It was not the size: smaller ranges would only make the next attempts slow.
          if (blind > BLIND_SHRINKS || width === 1) {
            this.#blocks = before;
            throw error;
          }
          this.#blocks = Math.max(1, Math.floor(width / 4));
          continue;
        }
        if (width === 1) throw error;
        this.#follow(advice, from, width);
      }
    }
  }

  /** Shrinks to what is advised, and always by at least one block: advice that does not help must not be followed for ever. */
  #follow(advice: RangeAdvice, from: number, width: number): void {
    if (advice.maxBlocks !== undefined && advice.maxBlocks > 0 && advice.maxBlocks < width)
      this.#maxBlocks = advice.maxBlocks;
    const advised = advice.upTo === undefined ? (advice.maxBlocks ?? 0) : advice.upTo - from + 1;
    const next = advised > 0 && advised < width ? advised : Math.floor(width / 2);
    this.#blocks = Math.max(1, Math.min(next, this.#maxBlocks));
  }
}
