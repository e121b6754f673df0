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

/** Blocks, each linked to the one before, with all logs of our contracts in them. */
export interface Filled {
  readonly blocks: readonly [Block, ...Block[]];
  readonly logs: readonly Log[];
}

/** A piece ends with the block that gives it this many logs: enough to be written well, few enough to be lost by a crash. */
export const PIECE_LOGS = 4_000;

/**
 * Reads a range at once and believes nothing of it: every header of the range is fetched, must name its parent, and decides
 * whether the logs of its block are all there. The range comes in pieces, and the next piece is being proven while the one
 * before is worked on. What fails later does not take back the pieces before it. Undefined: the range does not follow the
 * block `parentHash`.
 * @throws AppError `rpc_behind`, `forked_range`, `logs_incomplete`, `rpc_unavailable` (retry), also from the iteration
 */
export async function fillRange(options: {
  readonly rpc: JsonRpc;
  readonly range: LogRange;
  readonly reader: LogReader;
  readonly addresses: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly parentHash: string;
  readonly pieceLogs: number;
}): Promise<AsyncIterable<Filled> | undefined> {
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
  return oneAhead(proven(blocks, logs, reader, options.pieceLogs));
}

/** The blocks with all their logs, as an endpoint's answer for the whole range has them at first sight. */
async function* proven(
  blocks: readonly Block[],
  answer: readonly Log[],
  reader: LogReader,
  pieceLogs: number,
): AsyncGenerator<Filled, void, void> {
  const ofBlock = Map.groupBy(answer, (log) => log.blockNumber);
  const logsOf = (block: Block): readonly Log[] => ofBlock.get(block.number) ?? [];
  for (let start = 0; start < blocks.length;) {
    let [end, count] = [start, 0];
    while (end < blocks.length && count < pieceLogs) {
      count += logsOf(blocks[end] as Block).length;
      end += 1;
    }
    const piece = blocks.slice(start, end) as [Block, ...Block[]];
    const logs = await inParallel(piece, (block) => reader.completed(block, logsOf(block)));
    yield { blocks: piece, logs: logs.flat() };
    start = end;
  }
}

/** The same items; the next one is being made while the consumer has the one before. */
async function* oneAhead<T>(items: AsyncGenerator<T, void, void>): AsyncGenerator<T, void, void> {
  let coming = items.next();
  for (;;) {
    const item = await coming;
    if (item.done === true) return;
    coming = items.next();
    // It is awaited, and its failure told, in the next turn; a consumer that stops before does not want to know.
    coming.catch(() => undefined);
    yield item.value;
  }
}
