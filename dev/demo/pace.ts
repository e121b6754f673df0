/** Seven people have logged in and listen within this, unless the machine is busy. */
const LOG_IN_MS = 3_000;
/** The contract extends an auction for bids in its last six seconds: they must hold two blocks. */
const SLOWEST_PACE = 3;

/**
 * How many seconds the story takes for one of its own, and how many a block lasts. A busy machine needs more time for
 * everything, and the story must not leave its people behind.
 */
export function paceOf(logInMs: number): number {
  return Math.min(SLOWEST_PACE, Math.max(1, Math.ceil(logInMs / LOG_IN_MS)));
}
