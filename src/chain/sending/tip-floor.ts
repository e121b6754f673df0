/** "Minimum needed 25000000000", of geth and those who follow it, in wei. */
const NEEDED = /minimum (?:needed|required)\D{0,5}(\d{4,20})\b/i;
/** Other words for the same. What stands before the last number is our own offer. */
const AT_LEAST = /(?:at least|needs)\D{0,10}(\d{4,20})\b/gi;
/** No chain's minimum is near 500 gwei: a node that names more errs, and an operator can still configure it. */
const LARGEST_WEI = 5n * 10n ** 11n;
/** A minimum that was not named again for so long is forgotten, in milliseconds. */
const HELD_FOR_MS = 10 * 60_000;

/**
 * The least priority fee that nodes take. Some want more than they suggest (Polygon, BSC): one that refuses a transaction names its
 * minimum, and the next offer is that. The fee caps stay the limit of what is paid.
 */
export class TipFloor {
  readonly #configuredWei: bigint;
  #namedWei = 0n;
  #namedAtMs = 0;

  constructor(configuredWei = 0n) {
    this.#configuredWei = configuredWei;
  }

  get wei(): bigint {
    if (performance.now() - this.#namedAtMs > HELD_FOR_MS) this.#namedWei = 0n;
    return this.#namedWei > this.#configuredWei ? this.#namedWei : this.#configuredWei;
  }

  /** Takes note of the answer of a node that found a transaction too cheap. */
  heard(answer: string): void {
    const named = NEEDED.exec(answer)?.[1] ?? [...answer.matchAll(AT_LEAST)].at(-1)?.[1];
    if (named === undefined || BigInt(named) > LARGEST_WEI) return;
    const wei = BigInt(named);
    if (wei < this.wei) return;
    this.#namedWei = wei;
    this.#namedAtMs = performance.now();
  }
}
