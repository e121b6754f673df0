/** What the clock needs to know of a block. */
export interface TimedBlock {
  readonly number: number;
  readonly timestampS: number;
}

/** How many intervals are looked at: enough to outvote missed slots, few enough to follow a chain that changes. */
const WINDOW = 16;
/** Fewer intervals than this prove nothing, not even that every block has a second of its own. */
const LEAST_INTERVALS = 4;
/**
 * A rhythm of more than a second a block needs this many intervals: the sender then sends for a block that is seconds
 * away, and a chain without a rhythm shows four equal intervals now and then. The clock is seeded with more.
 */
const LEAST_RHYTHM_INTERVALS = 8;
/** Below this a slot is too short for "overdue by half of it" to tell a missed slot from a late block. */
const LEAST_SLOT_S = 4;

/**
 * How a chain sets the timestamps of its blocks:
 * - slotted: nearly every interval is the same. `exact`: every timestamp lies on the grid of slots, so that a slot can be
 *   missed, as on Ethereum; otherwise a late block carries its own time;
 * - irregular: a block carries the time at which it was made. `leastStepS` is what the next one has more at least.
 */
type Rhythm =
  | {
      readonly kind: "slotted";
      readonly slotS: number;
      readonly phaseS: number;
      readonly exact: boolean;
    }
  | { readonly kind: "irregular"; readonly leastStepS: number };

/**
 * Predicts the timestamp of the next block, so that a transaction is sent to arrive in the first block whose timestamp
 * reaches its time. Asking the node (eth_estimateGas, eth_call) answers for the latest block, which is too early by
 * exactly the block that matters. Too early costs more than too late: a transaction in the wrong block is wasted, and
 * its operation waits for confirmations before it may be asked for again; so where two predictions are possible, the
 * lower one counts.
 */
export class BlockClock {
  /** The latest blocks known, ascending. */
  readonly #blocks: TimedBlock[] = [];
  /** How long after its timestamp each of the latest heads was seen here; negative when the chain's clock is ahead. */
  readonly #lagsMs: number[] = [];
  #head: (TimedBlock & { readonly seenAtMs: number }) | undefined;
  #rhythm: Rhythm = rhythmOf([]);

  /** Tells the clock of the chain's last blocks, before the first head: about 16 of them, in any order. */
  seed(blocks: readonly TimedBlock[]): void {
    for (const block of blocks.toSorted((a, b) => a.number - b.number)) this.#remember(block);
    this.#rhythm = rhythmOf(this.#blocks);
  }

  /** Tells the clock of the latest block. `nowMs` is when it was seen here. */
  observe(block: TimedBlock, nowMs: number): void {
    const head = this.#head;
    if (head?.number === block.number && head.timestampS === block.timestampS) return;
    this.#remember(block);
    this.#lagsMs.push(nowMs - block.timestampS * 1_000);
    if (this.#lagsMs.length > WINDOW) this.#lagsMs.shift();
    this.#head = { number: block.number, timestampS: block.timestampS, seenAtMs: nowMs };
    this.#rhythm = rhythmOf(this.#blocks);
  }

  /** The median time between blocks, in whole seconds; 1 until enough was seen, and on chains with faster blocks. */
  get intervalS(): number {
    return Math.max(1, Math.round(this.#medianIntervalS));
  }

  /**
   * The timestamp, in seconds, that any block built from now on will have at least: an operation whose time is not later
   * may be broadcast now without being wasted. Undefined before the first block was seen.
   */
  nextTimestampS(nowMs: number): number | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    const rhythm = this.#rhythm;
    const chainNowS = Math.floor((nowMs - this.#lagMs) / 1_000);
    if (rhythm.kind === "irregular")
      return Math.max(head.timestampS + rhythm.leastStepS, chainNowS);

    const { slotS, exact } = rhythm;
    const nextSlotS = slotAfter(head.timestampS, rhythm);
    // Once a block is overdue by half a slot its slot was missed, and the next block carries a later slot's time.
    const elapsedSlots = (nowMs - head.seenAtMs) / 1_000 / slotS;
    const afterMissedS = nextSlotS + slotS * Math.max(0, Math.floor(elapsedSlots - 0.5));
    if (exact && slotS >= LEAST_SLOT_S) return afterMissedS;
    return Math.max(nextSlotS, Math.min(afterMissedS, chainNowS));
  }

  /**
   * How soon to look at the chain again, in milliseconds: a fifth of the interval, between 100 ms and a second, and
   * sooner when a head is due or, where only the chain's clock tells, when the operation of `dueS` may be let go.
   */
  pollMs(nowMs: number, dueS?: number): number {
    const intervalMs = this.#medianIntervalS * 1_000;
    const usualMs = clamp(intervalMs / 5, 100, 1_000);
    const head = this.#head;
    if (head === undefined) return usualMs;
    if (this.#rhythm.kind === "slotted") {
      const headDueMs = slotAfter(head.timestampS, this.#rhythm) * 1_000 + this.#lagMs;
      if (nowMs < headDueMs) return Math.ceil(Math.min(usualMs, Math.max(25, headDueMs - nowMs)));
      return nowMs < headDueMs + intervalMs / 2 ? clamp(intervalMs / 20, 100, 500) : usualMs;
    }
    const letGoMs = dueS === undefined ? undefined : dueS * 1_000 + this.#lagMs - nowMs;
    return letGoMs === undefined || letGoMs <= 0 ? usualMs : Math.ceil(Math.min(usualMs, letGoMs));
  }

  get #medianIntervalS(): number {
    const sorted = intervalsOf(this.#blocks).toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 1;
  }

  /**
   * How far the chain's clock is behind ours at most. The smallest lag is nearest to the truth; the second smallest is
   * taken, because a block made in a hurry carries its parent's time plus one, which is ahead of the chain's clock.
   */
  get #lagMs(): number {
    const sorted = this.#lagsMs.toSorted((a, b) => a - b);
    return sorted[sorted.length < LEAST_INTERVALS ? 0 : 1] ?? 0;
  }

  /** A block of a height that is known already means a reorg, or a node that lags: what is above counts no longer. */
  #remember(block: TimedBlock): void {
    while ((this.#blocks.at(-1)?.number ?? -1) >= block.number) this.#blocks.pop();
    this.#blocks.push({ number: block.number, timestampS: block.timestampS });
    if (this.#blocks.length > WINDOW + 1) this.#blocks.shift();
  }
}

const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

/** Seconds per block between neighbours; where blocks were not seen, their average. */
function intervalsOf(blocks: readonly TimedBlock[]): number[] {
  return blocks.slice(1).map((block, index) => {
    const previous = blocks[index] as TimedBlock;
    return (block.timestampS - previous.timestampS) / (block.number - previous.number);
  });
}

function rhythmOf(blocks: readonly TimedBlock[]): Rhythm {
  const intervals = intervalsOf(blocks);
  const count = (interval: number): number => intervals.filter((one) => one === interval).length;
  const leastS = Math.min(...intervals);
  // Several blocks with one timestamp, or perhaps so: only the chain's clock tells.
  if (intervals.length < LEAST_INTERVALS || leastS < 1) return { kind: "irregular", leastStepS: 0 };

  const slotS = mostFrequent(intervals);
  // Where slots are missed the intervals are multiples of it, so that fewer need to be single ones.
  const onGrid = slotS >= LEAST_SLOT_S && intervals.every((one) => one % slotS === 0);
  const share = count(slotS) / intervals.length;
  const isProven = (periodS: number): boolean =>
    Number.isInteger(periodS) && (periodS === 1 || intervals.length >= LEAST_RHYTHM_INTERVALS);
  const phases = blocks.map((block) => block.timestampS % slotS);
  const latest = phases.slice(-3);
  // Three in a row on a new grid are a chain that moved on; one alone is a late block.
  const moved = latest.every((one) => one === latest[0]);
  const phaseS = moved ? (latest[0] as number) : mostFrequent(phases);
  // Less than a slot lies only between a late block and the next one on the grid: anything else is another rhythm.
  const keepsSlots = intervals.every(
    (one, index) => one >= slotS || (one * 2 >= slotS && phases[index + 1] === phaseS),
  );
  if (isProven(slotS) && share >= (onGrid ? 0.5 : 0.75) && keepsSlots)
    return { kind: "slotted", slotS, phaseS, exact: new Set(phases).size === 1 };
  // A period that is kept at least, with longer gaps when there is nothing to do.
  const period = isProven(leastS) && count(leastS) * 2 >= intervals.length;
  return { kind: "irregular", leastStepS: period ? leastS : 1 };
}

/** The first timestamp after this one that lies on the grid of slots. */
function slotAfter(
  timestampS: number,
  slots: { readonly slotS: number; readonly phaseS: number },
): number {
  const sincePhaseS = (((timestampS - slots.phaseS) % slots.slotS) + slots.slotS) % slots.slotS;
  return timestampS + slots.slotS - sincePhaseS;
}

/** The value that occurs most often; the smaller one when two do. */
function mostFrequent(values: readonly number[]): number {
  const groups = [...Map.groupBy(values, (one) => one)];
  groups.sort(([a, as], [b, bs]) => bs.length - as.length || a - b);
  return groups[0]?.[0] ?? 1;
}
