import type { Prng } from "./prng.ts";

/** One life of the worker and how it ends. The life after the last planned one has no end. */
export interface Life {
  /** It kills itself there: `<point>:<pass>`. */
  readonly crashAt?: string;
  /** Or it is killed from outside when this block is the head. */
  readonly killAtBlock?: number;
  /** Blocks that pass before the next life begins. */
  readonly downBlocks: number;
}

/** The crash points of the product, as an outsider knows them: their names are part of its interface (CRASH_AT). */
export const CRASH_AT_POINTS = [
  "sender.started",
  "sender.stored",
  "sender.broadcast",
  "sender.noted",
  "sender.replacement-stored",
  "sender.cancel-stored",
  "receipts.read",
  "receipts.committed",
  "receipts.vanished",
  "indexer.read",
  "indexer.committed",
  "indexer.rolled-back",
  "relay.read",
  "relay.delivered",
  "relay.marked",
  "end.asking",
  "end.asked",
  "sale.arranging",
  "sale.arranged",
  "meeting.room-ended",
  "meeting.settling",
  "outcome.announced",
] as const;

export function planLives(random: Prng, lastBlock: number): Life[] {
  const lives: Life[] = [];
  for (let count = random.pick([0, 1, 1, 2]); count > 0; count -= 1) {
    const downBlocks = random.int(0, 6);
    if (random.chance(0.4)) lives.push({ killAtBlock: random.int(3, lastBlock - 10), downBlocks });
    else
      lives.push({
        crashAt: `${random.pick(CRASH_AT_POINTS)}:${random.pick([1, 1, 2, 3, 5])}`,
        downBlocks,
      });
  }
  return lives.sort((a, b) => (a.killAtBlock ?? 0) - (b.killAtBlock ?? 0));
}
