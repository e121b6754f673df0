import { crashPoint } from "../../crash.ts";
import type { Logger } from "../../logging.ts";
import type { Transactor } from "../../db/database.ts";
import { unavailable } from "../../errors.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, latestBlock, type Log } from "../types.ts";
import { applyBlocks, type Stream, windowBlocks } from "./apply.ts";
import { fillRange, PIECE_LOGS } from "./backfill.ts";
import { type LogContents, readLogs } from "./decode.ts";
import { Position } from "./position.ts";
import { LogReader } from "./logs.ts";
import { LogRange } from "./ranges.ts";
import { commonAncestor, rollBackTo } from "./reorg.ts";
import * as store from "./store.ts";

export interface IndexerOptions {
  readonly rpc: JsonRpc;
  /** The leader's connection: a process that lost the lock cannot write. */
  readonly db: Transactor;
  readonly chainId: number;
  /** Lower-case. */
  readonly auctionContract: string;
  readonly passContract: string;
  /** First block that can hold our logs: the block of the deployment. */
  readonly startBlock: number;
  /** Depth from which on a cancellation is acted on, counted as the sender does: 1 is the block itself (the default). */
  readonly confirmations?: number;
  /** No reorg is expected to be deeper; down to twice this depth they are followed, and beyond the stream halts. */
  readonly finalityDepth: number;
  /** How many logs of a backfill are stored in one commit, more or less. */
  readonly pieceLogs?: number;
  /** 30 s by default: for how long the chain must contradict what is stored before the stream halts. */
  readonly haltAfterMs?: number;
  readonly logger: Logger;
  // For metrics:
  readonly onStep?: (progress: { readonly indexed: number; readonly head: number }) => void;
  readonly onReorg?: (depth: number) => void;
  /** Seconds from a block's timestamp to the commit of what it said. */
  readonly onLag?: (seconds: number) => void;
  /** Logs that make no sense were left out. */
  readonly onUnread?: (count: number) => void;
  /** How many blocks the next range of logs has at most. */
  readonly onRange?: (blocks: number) => void;
}

/** How many blocks the chain's pace is taken from. */
const PACE_BLOCKS = 16;

/** `advanced`: there may be more to do at once; `idle`: the head is reached; `halted`: an operator is needed. */
export type StepResult = "advanced" | "idle" | "halted";

/**
 * Projects canonical logs into Postgres. One transaction holds a block's hash, logs, projections, events, messages to
 * workflows and the checkpoint, so that a crash anywhere repeats or completes the block, never half of it.
 */
export class ChainIndexer {
  readonly #o: IndexerOptions;
  readonly #stream: Stream;
  readonly #addresses: readonly string[];
  readonly #reader: LogReader;
  readonly #range = new LogRange();
  #cursor: store.Cursor | undefined;
  readonly #position: Position;
  /** The last blocks that were applied, for the chain's pace. */
  #recent: readonly Block[] = [];

  constructor(options: IndexerOptions) {
    const { rpc, chainId, auctionContract, passContract, finalityDepth, logger } = options;
    this.#o = options;
    this.#stream = {
      chainId,
      auctionContract,
      finalityDepth,
      confirmations: options.confirmations ?? 1,
    };
    this.#addresses = [auctionContract, passContract];
    this.#reader = new LogReader(rpc, this.#addresses, logger);
    this.#position = new Position(options);
  }

  /** Does the next piece of work. @throws AppError `rpc_unavailable` (retry) when the chain cannot be read. */
  async step(): Promise<StepResult> {
    const cursor = (this.#cursor ??= await this.#position.load());
    if (cursor === undefined) return "idle";
    if (cursor.state === "halted") return "halted";
    const head = await latestBlock(this.#o.rpc);
    this.#o.onStep?.({ indexed: cursor.blockNumber, head: head.number });

    if (head.number <= cursor.blockNumber) {
      if (head.number === cursor.blockNumber && head.hash === cursor.blockHash) {
        this.#position.agreed();
        return "idle";
      }
      // A shorter chain is a node that lags, however far, unless its head contradicts a block we stored. If the chain was
      // really cut so deep, it will grow past us, and the parent's hash tells.
      const stored = await this.#storedHash(head.number);
      return stored === undefined || stored === head.hash ? "idle" : this.#reorganise(cursor);
    }
    const safe = head.number - this.#o.finalityDepth;
    if (safe > cursor.blockNumber) return this.#backfill(cursor, safe);
    const next =
      cursor.blockNumber + 1 === head.number
        ? head
        : await blockByNumber(this.#o.rpc, cursor.blockNumber + 1);
    if (next === null) return "idle";
    if (next.parentHash !== cursor.blockHash) return this.#reorganise(cursor);
    const logs = await this.#reader.ofBlock(next);
    await this.#apply(
      cursor,
      [next],
      readLogs(logs, this.#o.auctionContract, () => next.timestampS),
    );
    return next.number === head.number ? "idle" : "advanced";
  }

  /** The chain's block time in milliseconds, from the last blocks; a second while too few are known. */
  get blockTimeMs(): number {
    const [first, last] = [this.#recent[0], this.#recent.at(-1)];
    if (first === undefined || last === undefined || last.number <= first.number) return 1_000;
    const ms = ((last.timestampS - first.timestampS) * 1_000) / (last.number - first.number);
    return Math.min(60_000, Math.max(100, ms));
  }

  async #storedHash(number: number): Promise<string | undefined> {
    return (await store.knownBlocks(this.#o.db, this.#o.chainId)).find(
      (one) => one.number === number,
    )?.hash;
  }

  /** Blocks deeper than any expected reorg are taken many at a time. */
  async #backfill(cursor: store.Cursor, to: number): Promise<StepResult> {
    const filled = await fillRange({
      rpc: this.#o.rpc,
      range: this.#range,
      reader: this.#reader,
      addresses: this.#addresses,
      from: cursor.blockNumber + 1,
      to,
      parentHash: cursor.blockHash,
      pieceLogs: this.#o.pieceLogs ?? PIECE_LOGS,
    });
    this.#o.onRange?.(this.#range.blocks);
    if (filled === undefined) return this.#reorganise(cursor);
    let reached = cursor;
    for await (const { blocks, logs } of filled) {
      const timestamps = new Map(blocks.map((one) => [one.number, one.timestampS]));
      const said = readLogs(logs, this.#o.auctionContract, (log) => timestampOf(timestamps, log));
      reached = await this.#apply(reached, blocks, said);
    }
    return "advanced";
  }

  async #apply(
    cursor: store.Cursor,
    blocks: readonly [Block, ...Block[]],
    { events, unread }: LogContents,
  ): Promise<store.Cursor> {
    crashPoint("indexer.read");
    const skipped = await this.#o.db.transaction((tx) =>
      applyBlocks(tx, this.#stream, cursor.blockNumber, blocks, events, unread),
    );
    for (const { log, reason } of skipped) {
      const { transactionHash, logIndex, blockNumber } = log;
      this.#o.logger.error("a log makes no sense and is left out", {
        reason,
        transactionHash,
        logIndex,
        blockNumber,
      });
    }
    if (skipped.length > 0) this.#o.onUnread?.(skipped.length);
    crashPoint("indexer.committed");
    const last = blocks.at(-1) ?? blocks[0];
    const reached = { ...cursor, blockNumber: last.number, blockHash: last.hash };
    this.#cursor = reached;
    this.#position.agreed();
    // A reorg may have taken back some of them; the pace stays about the same.
    this.#recent = [...this.#recent, ...blocks].slice(-PACE_BLOCKS);
    this.#o.onLag?.(Date.now() / 1000 - last.timestampS);
    return reached;
  }

  /** Goes back to the last block that is still canonical and takes back what the dropped ones had said. */
  async #reorganise(cursor: store.Cursor): Promise<StepResult> {
    const { db, rpc, chainId, logger } = this.#o;
    // Every deep reorg begins like a moment of another chain.
    rpc.doubtChain();
    const ancestor = await commonAncestor(rpc, await store.knownBlocks(db, chainId));
    if (ancestor === "unknown") return "idle";
    if (ancestor === "beyond") {
      const halted = await this.#position.haltUnlessItPasses(
        cursor,
        `no stored block is on the chain any more: a reorg deeper than ${windowBlocks(this.#stream)} blocks; run npm run reindex`,
      );
      if (halted === undefined) return "idle";
      this.#cursor = halted;
      return "halted";
    }
    this.#position.agreed();
    // Every stored block is on the chain: what contradicted them was an answer from another fork.
    if (ancestor.number === cursor.blockNumber) return "idle";
    await db.transaction((tx) => rollBackTo(tx, this.#stream, ancestor));
    crashPoint("indexer.rolled-back");
    this.#cursor = { ...cursor, blockNumber: ancestor.number, blockHash: ancestor.hash };
    const depth = cursor.blockNumber - ancestor.number;
    logger.warn("the chain was reorganised", { depth, ancestor: ancestor.number });
    this.#o.onReorg?.(depth);
    return "advanced";
  }
}

/** @throws AppError `logs_incomplete` (retry) for a log of a block that was not asked for */
function timestampOf(timestamps: ReadonlyMap<number, number>, log: Log): number {
  const timestampS = timestamps.get(log.blockNumber);
  if (timestampS !== undefined) return timestampS;
  throw unavailable(
    "logs_incomplete",
    `a log names block ${log.blockNumber}, which was not asked for`,
  );
}
