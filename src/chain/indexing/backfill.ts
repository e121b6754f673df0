import { AppError } from "../../errors.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, type Log } from "../types.ts";
import type { LogReader } from "./logs.ts";
import type { LogRange } from "./ranges.ts";

/** How many requests are on their way at once. */
const PARALLEL = 32;

/** Does `work` for each item, some at a time; results in the order of the items. After a failure nothing more is begun. */
async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: Math.min(PARALLEL, items.length) }, async () => {
      for (const [index, item] of queue) {
        if (failures.length > 0) return;
        try {
          results[index] = await work(item);
        } catch (error) {
          failures.push(error);
        }
      }
    }),
  );
  // Only when all have come to an end, so that the next attempt has no requests of this one beside it.
  if (failures.length > 0) throw failures[0];
  return results;
}

/** A range of blocks, each linked to the one before, with all logs of our contracts in them. */
export interface Filled {
  readonly blocks: readonly [Block, ...Block[]];
  readonly logs: readonly Log[];
}

/**
 * Reads a range at once and believes nothing of it: every header of the range is fetched, must name its parent, and decides
 * whether the logs of its block are all there. Undefined: the range does not follow the block `parentHash`.
 * @throws AppError `rpc_behind`, `forked_range`, `logs_incomplete`, `rpc_unavailable` (retry)
 */
export async function fillRange(options: {
  readonly rpc: JsonRpc;
  readonly range: LogRange;
  readonly reader: LogReader;
  readonly addresses: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly parentHash: string;
}): Promise<Filled | undefined> {
  const { rpc, range, reader, addresses, from, to, parentHash } = options;
  const { logs, upTo } = await range.fetch(rpc, from, to, addresses);
  const numbers = Array.from({ length: upTo - from + 1 }, (_, index) => from + index);
  const blocks = await inParallel(numbers, async (number) => {
    const block = await blockByNumber(rpc, number);
    if (block === null)
      throw new AppError({
        kind: "retry",
        code: "rpc_behind",
        message: `the RPC endpoint has lost block ${number}`,
      });
    return block;
  });
  const [first, ...rest] = blocks;
  if (first === undefined) throw new Error(`the range ${from}–${upTo} has no block`);
  if (first.parentHash !== parentHash) return undefined;
  let parent = first;
  for (const block of rest) {
    if (block.parentHash !== parent.hash)
      throw new AppError({
        kind: "retry",
        code: "forked_range",
        message: `block ${block.number} does not follow block ${parent.number}: the endpoints are on different forks`,
      });
    parent = block;
  }
  const ofBlock = Map.groupBy(logs, (log) => log.blockNumber);
  const checked = await inParallel(blocks, (block) =>
    reader.completed(block, ofBlock.get(block.number) ?? []),
  );
  return { blocks: [first, ...rest], logs: checked.flat() };
}
