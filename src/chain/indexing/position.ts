import type { Transactor } from "../../db/database.ts";
import { AppError } from "../../errors.ts";
import type { Logger } from "../../logging.ts";
import { type JsonRpc, RpcError } from "../rpc.ts";
import { type Block, blockByNumber } from "../types.ts";
import { commonAncestor } from "./reorg.ts";
import * as store from "./store.ts";

export interface PositionOptions {
  readonly rpc: JsonRpc;
  readonly db: Transactor;
  readonly chainId: number;
  /** First block that can hold our logs. */
  readonly startBlock: number;
  /** For how long the chain must contradict what is stored before the stream halts, in milliseconds. */
  readonly haltAfterMs?: number;
  readonly logger: Logger;
}

/** The default of `haltAfterMs`. */
const HALT_AFTER_MS = 30_000;

/** Where the stream of logs is, and whether it is halted. */
export class Position {
  readonly #o: PositionOptions;
  #contradictedSinceMs: number | undefined;

  constructor(options: PositionOptions) {
    this.#o = options;
  }

  /** The chain has shown what is stored. */
  agreed(): void {
    this.#contradictedSinceMs = undefined;
  }

  /** Where the stream is; undefined while the chain contradicts it and may yet turn out to have been another one's answer. */
  async load(): Promise<store.Cursor | undefined> {
    const { db, rpc, chainId, startBlock } = this.#o;
    const stored = await store.readCursor(db, chainId);
    const genesis = await genesisBlock(rpc);
    // Some nodes have thrown away the beginning: the id of the chain then stands for it.
    const unknown = `0x${chainId.toString(16).padStart(64, "0")}`;
    const genesisHash = genesis?.hash ?? unknown;
    if (stored !== undefined) {
      const isKnown = genesisHash !== unknown && stored.genesisHash !== unknown;
      if (isKnown && stored.genesisHash !== genesisHash) {
        rpc.doubtChain();
        return this.haltUnlessItPasses(
          stored,
          `the RPC endpoint serves another chain: its block 0 is ${genesisHash}, the database knows ${stored.genesisHash}`,
        );
      }
      return stored.state === "halted" ? this.#heal(stored) : stored;
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
    if (first === null)
      throw new AppError({
        kind: "retry",
        code: "rpc_behind",
        message:
          "the RPC endpoint has no block 0: set AUCTION_CONTRACT_BLOCK to the block of the deployment",
      });
    await store.createCursor(db, chainId, genesisHash, first);
    return {
      genesisHash,
      blockNumber: first.number,
      blockHash: first.hash,
      state: "live",
      reason: null,
    };
  }

  /** A halted stream whose blocks are on the chain again goes on: what had contradicted them was another chain, or is gone. */
  async #heal(cursor: store.Cursor): Promise<store.Cursor> {
    const { db, rpc, chainId, logger } = this.#o;
    const ancestor = await commonAncestor(rpc, await store.knownBlocks(db, chainId));
    if (ancestor === "beyond" || ancestor === "unknown") return cursor;
    await store.resumeCursor(db, chainId);
    logger.warn("the indexer goes on: the chain knows its blocks again", {
      halted: cursor.reason,
      ancestor: ancestor.number,
    });
    return { ...cursor, state: "live", reason: null };
  }

  /**
   * Halts when the chain has contradicted what is stored for `haltAfterMs`. The caller has the endpoints verified again (`doubtChain`):
   * some seconds of another chain, from a provider's balancer or a replaced node, must not need an operator.
   */
  async haltUnlessItPasses(
    cursor: store.Cursor,
    reason: string,
  ): Promise<store.Cursor | undefined> {
    const nowMs = performance.now();
    if (this.#contradictedSinceMs === undefined) {
      this.#contradictedSinceMs = nowMs;
      this.#o.logger.warn(
        "the chain contradicts what is stored; the indexer asks again before it halts",
        {
          reason,
        },
      );
    }
    if (nowMs - this.#contradictedSinceMs < (this.#o.haltAfterMs ?? HALT_AFTER_MS))
      return undefined;
    return this.#halt(cursor, reason);
  }

  async #halt(cursor: store.Cursor, reason: string): Promise<store.Cursor> {
    await store.haltCursor(this.#o.db, this.#o.chainId, reason);
    this.#o.logger.error("the indexer has halted", { reason });
    return { ...cursor, state: "halted", reason };
  }
}

/** How nodes say that they no longer have a block; 4444 is the code of EIP-4444. */
const PRUNED = /pruned|history (is )?(not available|unavailable)|no longer available/i;

/** Block 0; null where no node has it any more. */
async function genesisBlock(rpc: JsonRpc): Promise<Block | null> {
  try {
    return await blockByNumber(rpc, 0);
  } catch (error) {
    const said = error instanceof AppError ? error.cause : error;
    if (said instanceof RpcError && (said.code === 4444 || PRUNED.test(said.message))) return null;
    throw error;
  }
}
