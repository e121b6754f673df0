import { crashPoint } from "../../crash.ts";
import type { Logger } from "../../logging.ts";
import { type Queryable, type Transactor } from "../../db/database.ts";
import { recordEvents } from "../../db/events.ts";
import { enqueue } from "../../db/outbox.ts";
import { AppError } from "../../errors.ts";
import { operationKey } from "../../domain/process.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber, latestBlock, type Log } from "../types.ts";
import { type ChainEvent, decodeLog } from "./decode.ts";
import { effectsOf, effectsOfReorg, restated } from "./effects.ts";
import { LogRange, logsOfBlock } from "./logs.ts";
import { applyEvent, type AuctionProjection } from "./projection.ts";
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
  /** Reorgs up to this depth are followed; deeper ones halt the stream. */
  readonly finalityDepth: number;
  readonly logger: Logger;
  readonly onStep?: (progress: { readonly indexed: number; readonly head: number }) => void;
  readonly onReorg?: (depth: number) => void;
}

/** `advanced`: there may be more to do at once; `idle`: the head is reached; `halted`: an operator is needed. */
export type StepResult = "advanced" | "idle" | "halted";

/**
 * Projects canonical logs into Postgres. One transaction holds a block's hash, logs, projections, events, messages to
 * workflows and the checkpoint, so that a crash anywhere repeats or completes the block, never half of it.
 */
export class ChainIndexer {
  readonly #o: IndexerOptions;
  readonly #range = new LogRange();
  #cursor: store.Cursor | undefined;

  constructor(options: IndexerOptions) {
    this.#o = options;
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
      return stored === undefined || stored === head.hash ? "idle" : this.#reorganise();
    }
    const safe = head.number - this.#o.finalityDepth;
    if (safe > cursor.blockNumber) {
      await this.#backfill(cursor.blockNumber + 1, safe);
      return "advanced";
    }
    const next =
      cursor.blockNumber + 1 === head.number
        ? head
        : await blockByNumber(this.#o.rpc, cursor.blockNumber + 1);
    if (next === null) return "idle";
    if (next.parentHash !== cursor.blockHash) return this.#reorganise();
    const logs = await logsOfBlock(this.#o.rpc, next, this.#addresses);
    await this.#apply(
      next,
      this.#decode(logs, () => next.timestampS),
    );
    return next.number === head.number ? "idle" : "advanced";
  }

  get #addresses(): string[] {
    return [this.#o.auctionContract, this.#o.passContract];
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

  /** Blocks deeper than any reorg are taken many at a time; only the last one's hash is kept. */
  async #backfill(from: number, to: number): Promise<void> {
    const { logs, upTo } = await this.#range.fetch(this.#o.rpc, from, to, this.#addresses);
    const timestamps = new Map<number, number>();
    let last: Block | undefined;
    for (const number of new Set([...logs.map((log) => log.blockNumber), upTo])) {
      const block = await blockByNumber(this.#o.rpc, number);
      if (block === null)
        throw new AppError({
          kind: "retry",
          code: "rpc_behind",
          message: `the RPC endpoint has lost block ${number}`,
        });
      timestamps.set(number, block.timestampS);
      if (number === upTo) last = block;
    }
    if (last === undefined) return;
    const { timestampS } = last;
    await this.#apply(
      last,
      this.#decode(logs, (log) => timestamps.get(log.blockNumber) ?? timestampS),
    );
  }

  async #apply(block: Block, events: readonly ChainEvent[]): Promise<void> {
    const { db, chainId } = this.#o;
    crashPoint("indexer.read");
    await db.transaction(async (tx) => {
      await store.insertBlock(tx, chainId, block, this.#o.finalityDepth * 2);
      const sightings = await store.insertLogs(tx, chainId, events);
      await this.#project(tx, events, sightings);
      await store.moveCursor(tx, chainId, block);
    });
    crashPoint("indexer.committed");
    this.#cursor = {
      ...(this.#cursor as store.Cursor),
      blockNumber: block.number,
      blockHash: block.hash,
    };
  }

  async #project(
    tx: Queryable,
    events: readonly ChainEvent[],
    sightings: ReadonlyMap<string, number>,
  ): Promise<void> {
    const { chainId, auctionContract } = this.#o;
    const ours = events.filter((one) => one.auctionId !== null);
    const ids = [...new Set(ours.map((one) => one.auctionId as string))];
    const auctions = new Map<string, AuctionProjection>();
    for (const auction of await store.loadAuctions(tx, chainId, auctionContract, ids))
      auctions.set(auction.auctionId, auction);
    for (const event of ours) {
      const id = event.auctionId as string;
      const before = auctions.get(id);
      const after = applyEvent(chainId, auctionContract, before, event);
      auctions.set(id, after);
      const sighting = sightings.get(store.logKey(event)) ?? 1;
      const effects = effectsOf(before, event, after, sighting);
      await recordEvents(tx, effects.events);
      await enqueue(tx, effects.messages);
      // Ids are a counter: after a reorg the same id can be another auction, whose process runs with the old one's end.
      if (event.name === "AuctionCreated" && (await store.wasDropped(tx, chainId, id)))
        await enqueue(tx, [restated(after, event.blockNumber)]);
      if (before !== undefined && after.endsAtS > before.endsAtS) {
        // An end that already waits for its block must not be sent for the old one.
        await tx.query(
          "UPDATE chain_operations SET not_before_s = $2, updated_at = now() WHERE key = $1 AND state = 'pending' AND not_before_s < $2",
          [operationKey("end", after), after.endsAtS],
        );
      }
    }
    for (const auction of auctions.values()) await store.saveAuction(tx, auction);
    await store.insertBids(tx, chainId, auctionContract, ours);
  }

  /** Goes back to the last block that is still canonical and takes back what the dropped ones had said. */
  async #reorganise(): Promise<StepResult> {
    const { db, rpc, chainId, auctionContract, logger } = this.#o;
    const cursor = this.#cursor as store.Cursor;
    let sawCanonical = false;
    for (const known of await store.knownBlocks(db, chainId)) {
      const canonical = await blockByNumber(rpc, known.number);
      // No answer is no contradiction: the node is behind, or its chain is still shorter than what it replaces.
      if (canonical === null) continue;
      sawCanonical = true;
      if (canonical.hash !== known.hash) continue;
      await db.transaction(async (tx) => {
        const affected = await store.rollBack(tx, chainId, known.number);
        for (const auctionId of affected) {
          const before = await store.loadAuction(tx, chainId, auctionContract, auctionId);
          const after = await store.replayAuction(tx, chainId, auctionContract, auctionId);
          if (after === undefined)
            await store.deleteAuction(tx, chainId, auctionContract, auctionId);
          else {
            await store.saveAuction(tx, after);
            // The end may have come forward again: an extension was taken back.
            await tx.query(
              "UPDATE chain_operations SET not_before_s = $2, updated_at = now() WHERE key = $1 AND state = 'pending'",
              [operationKey("end", after), after.endsAtS],
            );
          }
          if (before === undefined) continue;
          const effects = effectsOfReorg(
            before,
            after,
            known.number,
            `reorg:${chainId}:${cursor.blockHash}`,
          );
          await recordEvents(tx, effects.events);
          await enqueue(tx, effects.messages);
        }
        await store.moveCursor(tx, chainId, known);
      });
      crashPoint("indexer.rolled-back");
      this.#cursor = { ...cursor, blockNumber: known.number, blockHash: known.hash };
      const depth = cursor.blockNumber - known.number;
      logger.warn("the chain was reorganised", { depth, ancestor: known.number });
      this.#o.onReorg?.(depth);
      return "advanced";
    }
    if (!sawCanonical) return "idle";
    this.#cursor = await this.#halt(
      cursor,
      `no stored block is on the chain any more: a reorg deeper than ${this.#o.finalityDepth * 2} blocks; run npm run reindex`,
    );
    return "halted";
  }
}
