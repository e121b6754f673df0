// What a benchmark is, and how figures are summed up.

/** One measured figure. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure should be; one without a target is only reported. */
  readonly target?: Target;
}

export interface Target {
  readonly text: string;
  readonly holds: boolean;
  /** A hard target that is missed makes the run fail; a figure that depends on the machine is no hard one. */
  readonly hard: boolean;
}

export interface Bench {
  /** `--only lateness` runs every benchmark whose name begins so. */
  readonly name: string;
  readonly what: string;
  run(this: void, context: BenchContext): Promise<Figure[]>;
}

export interface BenchContext {
  /** Tells whoever waits what happens. */
  note(this: void, text: string): void;
  /** What is to be undone when the benchmark is over, fails or is stopped; the last comes first. */
  atEnd(this: void, undo: () => void | Promise<void>): void;
  /** Where the product's output is kept for whoever wants to know why; dropped if absent. */
  readonly logDir?: string;
}

export const atMost = (value: number, limit: number, hard = false): Target => ({
  text: `≤ ${limit}`,
  holds: value <= limit,
  hard,
});

export const atLeast = (value: number, limit: number, hard = false): Target => ({
  text: `≥ ${limit}`,
  holds: value >= limit,
  hard,
});

/** The smallest value that at least this share of all values does not exceed; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

/** Asks every 100 ms until the answer is yes. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1_000} s in vain for ${what}`);
    await sleep(100);
  }
}
