import type { OperationKind } from "../../domain/process.ts";
import type { Logger } from "../../logging.ts";
import type { SenderObserver } from "../observer.ts";
import type { Block } from "../types.ts";
import { type FeeCaps, type Fees, neededFees } from "./fees.ts";

/** Knows which kinds of operations the market has left above their cap, and tells operators when that begins. */
export class CapWatch {
  readonly #feeCaps: FeeCaps;
  readonly #logger: Logger;
  readonly #observer: SenderObserver;
  readonly #over = new Set<OperationKind>();

  constructor(options: {
    readonly feeCaps: FeeCaps;
    readonly logger: Logger;
    readonly observer: SenderObserver;
  }) {
    this.#feeCaps = options.feeCaps;
    this.#logger = options.logger;
    this.#observer = options.observer;
  }

  /**
   * Whether not even the cap of a kind reaches the next block. Then nothing of that kind is to be signed, as it would only
   * stand in the way of what may pay more.
   */
  isOver(kind: OperationKind, head: Block, market: Fees): boolean {
    const capWei = this.#feeCaps[kind];
    const neededWei = neededFees(market, head).maxFeePerGasWei;
    if (neededWei <= capWei) {
      this.#over.delete(kind);
      return false;
    }
    if (!this.#over.has(kind)) {
      this.#observer.feeCapHit(kind);
      this.#logger.error("the market asks for more than the cap allows: operations wait", {
        kind,
        capWei: capWei.toString(),
        neededWei: neededWei.toString(),
      });
    }
    this.#over.add(kind);
    return true;
  }
}
