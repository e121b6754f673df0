import { crashPoint } from "../../crash.ts";
import type { Block } from "../types.ts";
import { bumpedFees, cappedFees, marketFees } from "./fees.ts";
import { emptyNonces } from "./nonces.ts";
import { costWei } from "./purse.ts";
import { sign } from "./signing.ts";
import { insertTransaction, openTransactions } from "./transactions.ts";
import { STUCK_AFTER_BLOCKS, type UpkeepOptions } from "./upkeep.ts";

/** Empty nonces that are filled in one round: a count that is wrong must not cost hundreds of cancels. */
const MAX_GAPS = 8;

/** Lets no nonce of a wallet stay empty. */
export class Gaps {
  readonly #o: UpkeepOptions;
  /** The nonce that the chain waits for, and since when. */
  #stuckAt: { readonly nonce: number; readonly sinceBlock: number } | undefined;

  constructor(options: UpkeepOptions) {
    this.#o = options;
  }

  /**
   * Fills each nonce that nothing occupies, neither here nor on the chain, with a cancel: whatever waits behind it could never
   * be included.
   */
  async close(head: Block): Promise<void> {
    const { db, rpc, chainId, purse, observer, logger, feeCaps, delivery, wallet } = this.#o;
    if (this.#stuckAt?.nonce !== purse.chainLatest)
      this.#stuckAt = { nonce: purse.chainLatest, sinceBlock: head.number };
    // What a pool shows and we do not know is left alone, unless it is never included and all else waits behind it.
    const isStuck = head.number - this.#stuckAt.sinceBlock >= STUCK_AFTER_BLOCKS;
    const from = isStuck ? purse.chainLatest : purse.chainPending;
    const to = Math.min(purse.nextNonce, from + MAX_GAPS);
    const gaps = to <= from ? [] : await emptyNonces(db, chainId, wallet, from, to);
    if (gaps.length === 0) return purse.enough("cancel");
    observer.gaps("detected", gaps.length);
    const market = await marketFees(rpc, head, this.#o.tipFloor.wei);
    const first = cappedFees(market, feeCaps.cancel);
    for (const { nonce, refused } of gaps) {
      // Should a node have kept what it refused, the cancel must be able to take its place.
      const fees =
        refused === null ? first : (bumpedFees(refused, market, feeCaps.cancel) ?? first);
      const cancel = await sign(
        this.#o,
        { kind: "cancel" },
        {
          nonce,
          fees,
          signedAtBlock: head.number,
          replaces: refused?.hash ?? null,
          replacementReason: refused === null ? "gap" : "void",
        },
      );
      if (purse.spareWei(await openTransactions(db, chainId, wallet)) < costWei(cancel))
        return purse.lacks("cancel", {
          gas: cancel.gasLimit,
          maxFeePerGasWei: cancel.maxFeePerGasWei,
        });
      await insertTransaction(db, chainId, cancel);
      crashPoint("sender.cancel-stored");
      logger.warn("an empty nonce is filled with a cancel", {
        nonce,
        transactionHash: cancel.hash,
      });
      await delivery.send(cancel, head);
      observer.gaps("closed", 1);
    }
    purse.enough("cancel");
  }
}
