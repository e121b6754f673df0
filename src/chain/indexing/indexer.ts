import { crashPoint } from "../../crash.ts";
import type { Logger } from "../../logging.ts";
import type { Transactor } from "../../db/database.ts";
import { AppError } from "../../errors.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, latestBlock, type Log } from "../types.ts";
import { applyBlocks, type Stream, windowBlocks } from "./apply.ts";
import { fillRange, PIECE_LOGS } from "./backfill.ts";
import { type ChainEvent, decodeLog } from "./decode.ts";
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
  readonly logger: Logger;
  // For metrics:
  readonly onStep?: (progress: { readonly indexed: number; readonly head: number }) => void;
  readonly onReorg?: (depth: number) => void;
  /** Seconds from a block's timestamp to the commit of what it said. */
  readonly onLag?: (seconds: number) => void;
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
  }

  /** Does the next piece of work. @throws AppError `rpc_unavailable` (retry) when the chain cannot be read. */
  async step(): Promise<StepResult> {
    const cursor = (this.#cursor ??= await this.#loadCursor());
    if (cursor.state === "halted") return "halted";
    const head = await latestBlock(this.#o.rpc);
    this.#o.onStep?.({ indexed: cursor.blockNumber, head: head.number });

    if (head.number <= cursor.blockNumber) {
      if (head.number === cursor.blockNumber && head.hash === cursor.blockHash) return "idle";
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
      this.#decode(logs, () => next.timestampS),
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

  async #loadCursor(): Promise<store.Cursor> {
    const { db, rpc, chainId, startBlock } = this.#o;
    const stored = await store.readCursor(db, chainId);
    const genesis = await blockByNumber(rpc, 0);
    if (genesis === null)
      throw new AppError({
        kind: "retry",
        code: "rpc_unavailable",
        message: "the RPC endpoint has no block 0",
      });
    if (stored !== undefined) {
      if (stored.genesisHash !== genesis.hash)
        return this.#halt(
          stored,
          `the RPC endpoint serves another chain: its block 0 is ${genesis.hash}, the database knows ${stored.genesisHash}`,
        );
      return stored;
    }
    const before = startBlock === 0 ? null : await blockByNumber(rpc, startBlock - 1);
    if (startBlock > 0 && before === null)
      throw new AppError({
        kind: "retry",
        code: "rpc_behind",
        message: `the RPC endpoint does not have block ${startBlock - 1} yet`,
      });
    // Block 0 holds no logs, so a stream that begins with the chain begins after it.
    const first = before ?? genesis;
    await store.createCursor(db, chainId, genesis.hash, first);
    return {
      genesisHash: genesis.hash,
      blockNumber: first.number,
      blockHash: first.hash,
      state: "live",
      reason: null,
    };
  }

  async #halt(cursor: store.Cursor, reason: string): Promise<store.Cursor> {
    await store.haltCursor(this.#o.db, this.#o.chainId, reason);
    this.#o.logger.error("the indexer has halted", { reason });
    return { ...cursor, state: "halted", reason };
  }

  #decode(logs: readonly Log[], timestampOf: (log: Log) => number): ChainEvent[] {
    return logs
      .map((log) => decodeLog(log, timestampOf(log), this.#o.auctionContract))
      .filter((event) => event !== undefined)
      .sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
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
      const events = this.#decode(logs, (log) => timestamps.get(log.blockNumber) ?? 0);
      reached = await this.#apply(reached, blocks, events);
    }
    return "advanced";
  }

  async #apply(
    cursor: store.Cursor,
    blocks: readonly [Block, ...Block[]],
    events: readonly ChainEvent[],
  ): Promise<store.Cursor> {
    crashPoint("indexer.read");
    await this.#o.db.transaction((tx) =>
      applyBlocks(tx, this.#stream, cursor.blockNumber, blocks, events),
    );
    crashPoint("indexer.committed");
    const last = blocks.at(-1) ?? blocks[0];
    const reached = { ...cursor, blockNumber: last.number, blockHash: last.hash };
    this.#cursor = reached;
    // A reorg may have taken back some of them; the pace stays about the same.
    this.#recent = [...this.#recent, ...blocks].slice(-PACE_BLOCKS);
    this.#o.onLag?.(Date.now() / 1000 - last.timestampS);
    return reached;
  }

  /** Goes back to the last block that is still canonical and takes back what the dropped ones had said. */
  async #reorganise(cursor: store.Cursor): Promise<StepResult> {
    const { db, rpc, chainId, logger } = this.#o;
    const ancestor = await commonAncestor(rpc, await store.knownBlocks(db, chainId));
    if (ancestor === "unknown") return "idle";
    if (ancestor === "beyond") {
      this.#cursor = await this.#halt(
        cursor,
        `no stored block is on the chain any more: a reorg deeper than ${windowBlocks(this.#stream)} blocks; run npm run reindex`,
      );
      return "halted";
    }
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
