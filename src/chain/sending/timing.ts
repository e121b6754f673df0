/**
 * Predicts the timestamp of the next block, so that a transaction is sent to arrive in the first block whose timestamp
 * reaches its time. Asking the node (eth_estimateGas, eth_call) answers for the latest block, which is too early by
 * exactly the block that matters.
 */
export class BlockClock {
  readonly #intervalsS: number[] = [];
  #head:
    | { readonly number: number; readonly timestampS: number; readonly seenAtMs: number }
    | undefined;

  /** Tells the clock of the latest block. `nowMs` is when it was seen here. */
  observe(block: { readonly number: number; readonly timestampS: number }, nowMs: number): void {
    const previous = this.#head;
    if (previous !== undefined && block.number === previous.number) return;
    if (previous !== undefined && block.number > previous.number) {
      this.#intervalsS.push(
        (block.timestampS - previous.timestampS) / (block.number - previous.number),
      );
      if (this.#intervalsS.length > 16) this.#intervalsS.shift();
    }
    this.#head = { number: block.number, timestampS: block.timestampS, seenAtMs: nowMs };
  }

  /** The median time between blocks, in seconds; 1 until enough was seen. Slots that were missed do not move a median. */
  get intervalS(): number {
    const sorted = this.#intervalsS.toSorted((a, b) => a - b);
    return Math.max(1, Math.round(sorted[Math.floor(sorted.length / 2)] ?? 1));
  }

  /** The timestamp that the next block will probably carry; undefined before the first block was seen. */
  nextTimestampS(nowMs: number): number | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    // Once a block is overdue by half an interval its slot was missed, and the next block carries a later slot's time.
    const overdue = (nowMs - head.seenAtMs) / 1000 / this.intervalS - 0.5;
    return head.timestampS + this.intervalS * (1 + Math.max(0, Math.floor(overdue)));
  }
}
