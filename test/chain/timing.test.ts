import { describe, expect, test } from "@jest/globals";
import { fc, runs } from "../support/random.ts";
import { BlockClock, type TimedBlock } from "../../src/chain/sending/timing.ts";

/** A second in which nothing special happens, on the grid of every slot used here. */
const START_S = 1_800_000_000 - (1_800_000_000 % 3_600);

/** A clock that has seen blocks with these seconds since START_S, each `delayMs` after its timestamp. */
function clockOf(seconds: readonly number[], delayMs = 50): BlockClock {
  const clock = new BlockClock();
  for (const [number, second] of seconds.entries())
    clock.observe({ number, timestampS: START_S + second }, at(second) + delayMs);
  return clock;
}

/** Milliseconds of our clock at a second since START_S. */
const at = (second: number): number => (START_S + second) * 1_000;
const nextSecond = (clock: BlockClock, atSecond: number): number =>
  (clock.nextTimestampS(at(atSecond)) ?? Number.NaN) - START_S;

const every = (intervalS: number, count = 10): number[] =>
  Array.from({ length: count }, (_, index) => index * intervalS);

describe("the next block's timestamp", () => {
  test.each<[what: string, blocks: number[], now: number, next: number]>([
    ["one-second blocks: the next second", every(1), 9.1, 10],
    ["two-second blocks", every(2), 18.2, 20],
    ["twelve-second slots", every(12), 108.5, 120],
    ["a slot is not missed while its block is late by less than half", every(12), 125.9, 120],
    ["a slot is missed when its block is late by half", every(12), 126.2, 132],
    ["two missed slots", every(12), 138.2, 144],
    ["a missed slot in the past changes nothing", [0, 12, 36, 48, 60, 72, 84, 96, 108], 109, 120],
    ["one block off the grid does not move the grid", [...every(12), 121], 122, 132],
    ["three blocks on another grid do", [...every(12), 121, 133, 145], 146, 157],
    ["a late one-second block carries its own time: not before the clock says", every(1), 10.9, 10],
    ["a late one-second block, once the clock says so", every(1), 11.06, 11],
    ["one block proves nothing", [0], 0.5, 0],
    ["irregular: one more than the head", [0, 5, 6, 19, 22, 40], 40.1, 41],
    ["irregular: the chain's clock", [0, 5, 6, 19, 22, 40], 47.3, 47],
    ["a period kept at least, with gaps", [0, 5, 10, 31, 36, 55, 60, 65, 90], 90.2, 95],
    ["seven equal intervals of a chain that is just known prove nothing", every(12, 8), 84.2, 85],
    [
      "slots that begin in the window prove nothing",
      [0, 1, 2, ...every(20, 13).map((s) => s + 3)],
      243.2,
      244,
    ],
    ["a period with one block in its midst is none", [0, 5, 10, 31, 36, 38, 43, 48, 53], 53.2, 54],
    ["three intervals prove nothing", [0, 12, 24, 36], 36.2, 36],
    ["several blocks a second: perhaps the same second", [0, 0, 0, 1, 1, 1, 2, 2, 2], 2.2, 2],
    ["several blocks a second: the next once its time is there", [0, 0, 1, 1, 2, 2], 3.06, 3],
  ])("%s", (_what, blocks, now, next) => {
    expect(nextSecond(clockOf(blocks), now)).toBe(next);
  });

  test("before the first block there is none", () => {
    expect(new BlockClock().nextTimestampS(at(0))).toBeUndefined();
  });

  test("is known from the chain's history when the first head comes", () => {
    const clock = new BlockClock();
    clock.seed(every(12, 17).map((second, number) => ({ number, timestampS: START_S + second })));
    expect(clock.nextTimestampS(at(192))).toBeUndefined();
    clock.observe({ number: 16, timestampS: START_S + 192 }, at(192.4));
    expect(nextSecond(clock, 192.5)).toBe(204);
    expect(clock.intervalS).toBe(12);
  });

  test("falls back with the head: after a reorg, and while a node lags", () => {
    const clock = clockOf(every(12));
    clock.observe({ number: 8, timestampS: START_S + 96 }, at(110));
    expect(nextSecond(clock, 110)).toBe(108);
    clock.observe({ number: 9, timestampS: START_S + 120 }, at(120.1));
    expect(nextSecond(clock, 121)).toBe(132);
  });

  test("blocks that were seen late do not hold the chain's clock back", () => {
    const clock = new BlockClock();
    const delaysMs = [900, 60, 1_500, 50, 700, 900];
    for (const [number, second] of [0, 5, 6, 19, 22, 40].entries())
      clock.observe(
        { number, timestampS: START_S + second },
        at(second) + (delaysMs[number] as number),
      );
    expect(nextSecond(clock, 47.06)).toBe(47);
  });

  test("a clock of ours that is wrong by minutes changes nothing", () => {
    for (const skewS of [-300, 300]) {
      const clock = clockOf([0, 5, 6, 19, 22, 40], skewS * 1_000 + 50);
      expect(nextSecond(clock, 47.3 + skewS)).toBe(47);
    }
  });
});

describe("how soon to look again", () => {
  test.each<
    [what: string, blocks: number[], now: number, dueSecond: number | undefined, ms: number]
  >([
    ["one-second blocks: a fifth", every(1), 9.1, undefined, 200],
    ["one-second blocks, the head is due", every(1), 9.98, undefined, 70],
    ["one-second blocks, the head is late", every(1), 10.2, undefined, 100],
    ["twelve-second slots: at most a second", every(12), 110, undefined, 1_000],
    ["twelve-second slots, the head is due", every(12), 119.9, undefined, 150],
    ["twelve-second slots, the head is late", every(12), 121, undefined, 500],
    ["twelve-second slots, the slot was missed", every(12), 127, undefined, 1_000],
    ["irregular: a fifth", [0, 5, 6, 19, 22, 25], 26, undefined, 600],
    ["irregular, an operation is due", [0, 5, 6, 19, 22, 25], 27.9, 28, 150],
    ["irregular, an operation is overdue", [0, 5, 6, 19, 22, 25], 28.2, 28, 600],
    ["several blocks a second", [0, 0, 0, 1, 1, 1], 1.2, undefined, 100],
  ])("%s", (_what, blocks, now, dueSecond, ms) => {
    const dueS = dueSecond === undefined ? undefined : START_S + dueSecond;
    expect(clockOf(blocks).pollMs(at(now), dueS)).toBe(ms);
  });
});

/** A block and the moment, on the chain's clock, at which the producer closed it: nothing sent later is in it. */
interface MadeBlock extends TimedBlock {
  readonly madeAtMs: number;
}

interface Sending {
  readonly notBeforeS: number;
  readonly sentAtMs: number;
  /** The blocks that the clock had seen by then. */
  readonly seen: readonly TimedBlock[];
}

/**
 * Watches a chain as the sender does: looks when the clock says so, sees a block `delayMs()` after it was made, and lets
 * every operation go as soon as the clock allows it.
 */
function watch(
  blocks: readonly MadeBlock[],
  notBefore: readonly number[],
  delayMs: () => number,
): Sending[] {
  const clock = new BlockClock();
  const [first] = blocks as [MadeBlock];
  const last = blocks.at(-1) as MadeBlock;
  const seen = blocks.map((block) => ({ block, visibleAtMs: block.madeAtMs + delayMs() }));
  const waiting = notBefore.toSorted((a, b) => a - b);
  const sendings: Sending[] = [];
  const heads: TimedBlock[] = [];
  for (let nowMs = first.madeAtMs + 1_000; nowMs < last.madeAtMs && waiting.length > 0;) {
    const head = seen.findLast((one) => one.visibleAtMs <= nowMs)?.block;
    if (head !== undefined) clock.observe(head, nowMs);
    if (head !== undefined && heads.at(-1) !== head) heads.push(head);
    const nextS = clock.nextTimestampS(nowMs) ?? -1;
    while (waiting[0] !== undefined && waiting[0] <= nextS)
      sendings.push({
        notBeforeS: waiting.shift() as number,
        sentAtMs: nowMs,
        seen: [...heads],
      });
    nowMs += clock.pollMs(nowMs, waiting[0]);
  }
  return sendings;
}

/** How many blocks after the first eligible one each sending lands; negative ones came too early. */
function latenessOf(blocks: readonly MadeBlock[], sendings: readonly Sending[]): number[] {
  return sendings.map(({ notBeforeS, sentAtMs }) => {
    const landing = blocks.findIndex((block) => block.madeAtMs > sentAtMs);
    return landing - blocks.findIndex((block) => block.timestampS >= notBeforeS);
  });
}

/**
 * Whether these blocks look like a rhythm of more than a second: one interval makes up half of the last 16, of which
 * there are eight or more, and none is shorter than half of it. No clock can know that such a chain is about to change,
 * and a clock that never believes in a rhythm is late on Ethereum.
 */
function keepRhythm(blocks: readonly TimedBlock[]): boolean {
  const gaps = blocks
    .slice(-17)
    .map((block, index, all) => [all[index - 1], block] as const)
    .flatMap(([before, block]) =>
      before === undefined
        ? []
        : [(block.timestampS - before.timestampS) / (block.number - before.number)],
    );
  return (
    gaps.length >= 8 &&
    gaps.some(
      (gap) =>
        gap > 1 &&
        gaps.filter((one) => one === gap).length * 2 >= gaps.length &&
        gaps.every((one) => one * 2 >= gap),
    )
  );
}

/** Operations whose times lie where the clock has found its rhythm and where blocks remain. */
const operationsOf = (blocks: readonly MadeBlock[], shares: readonly number[]): number[] => {
  const from = (blocks[12] as MadeBlock).timestampS;
  const to = (blocks.at(-3) as MadeBlock).timestampS;
  return shares.map((share) => Math.floor(from + share * (to - from)));
};

const share = fc.double({ min: 0, max: 1, noNaN: true });
const shares = fc.array(share, { minLength: 1, maxLength: 30 });
/** Repeats its elements for ever. */
const cycling = (values: readonly number[]): (() => number) => {
  let index = 0;
  return () => values[index++ % values.length] ?? 0;
};

describe("on chains as they are", () => {
  // fast-check prints seed and path when a property fails.
  test("slots of one to fifteen seconds: no operation is wasted, none is late", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 15 }),
        shares,
        fc.array(share, { minLength: 1, maxLength: 20 }),
        (slotS, times, delays) => {
          const blocks = every(slotS, 60).map((second, number) => ({
            number,
            timestampS: START_S + second,
            madeAtMs: at(second),
          }));
          // A block is seen, and the sender has looked, before the next one is made.
          const delay = cycling(delays.map((one) => one * slotS * 500));
          const sendings = watch(blocks, operationsOf(blocks, times), delay);
          expect(latenessOf(blocks, sendings)).toEqual(times.map(() => 0));
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test("twelve-second slots of which some are missed: no operation is wasted, none is late", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 9 }), { minLength: 60, maxLength: 60 }),
        shares,
        fc.array(share, { minLength: 1, maxLength: 20 }),
        (luck, times, delays) => {
          // One slot in ten is missed, never in the beginning, from which the rhythm is learned.
          const slots = luck.flatMap((one, slot) => (one === 9 && slot > 8 ? [] : [slot]));
          const blocks = slots.map((slot, number) => ({
            number,
            timestampS: START_S + slot * 12,
            madeAtMs: at(slot * 12),
          }));
          const delay = cycling(delays.map((one) => one * 3_000));
          const sendings = watch(blocks, operationsOf(blocks, times), delay);
          expect(latenessOf(blocks, sendings)).toEqual(times.map(() => 0));
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test("blocks at any time with the time they were made: no operation is wasted while there is no rhythm", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1_000, max: 20_000 }), { minLength: 40, maxLength: 40 }),
        shares,
        fc.array(share, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: -60_000, max: 60_000 }),
        (gapsMs, times, delays, skewMs) => {
          let madeAtMs = at(0);
          const blocks = gapsMs.map((gapMs, number) => {
            madeAtMs += gapMs;
            return {
              number,
              timestampS: Math.floor(madeAtMs / 1_000),
              madeAtMs: madeAtMs + skewMs,
            };
          });
          const delay = cycling(delays.map((one) => one * 900));
          const sendings = watch(blocks, operationsOf(blocks, times), delay);
          expect(sendings).toHaveLength(times.length);
          for (const [index, late] of latenessOf(blocks, sendings).entries())
            if (!keepRhythm((sendings[index] as Sending).seen))
              expect(late).toBeGreaterThanOrEqual(0);
        },
      ),
      {
        numRuns: runs(300),
        // The clock once took the third of these for slots of twenty seconds, though three intervals were of one.
        examples: [
          [
            [1_006, 1_000, 1_000, 1_048, 19_992, 19_992, 19_989, 19_990, 19_987, 19_996].concat(
              Array<number>(30).fill(1_000),
            ),
            [0],
            [0],
            0,
          ],
        ],
      },
    );
  });

  test("a chain that leaves its slots: wasted is at most what was due in the slot in which it did", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 15 }),
        fc.integer({ min: 1, max: 14 }),
        shares,
        (slotS, laterS, times) => {
          const seconds = every(slotS, 20);
          const leftAtS = seconds.at(-1) as number;
          for (let index = 1; index <= 60; index += 1) seconds.push(leftAtS + index * laterS);
          const blocks = seconds.map((second, number) => ({
            number,
            timestampS: START_S + second,
            madeAtMs: at(second),
          }));
          const sendings = watch(blocks, operationsOf(blocks, times), () => 20);
          for (const [index, late] of latenessOf(blocks, sendings).entries()) {
            const { notBeforeS } = sendings[index] as Sending;
            const isDueInThatSlot =
              notBeforeS > START_S + leftAtS && notBeforeS <= START_S + leftAtS + slotS;
            if (!isDueInThatSlot) expect(late).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: runs(300) },
    );
  });

  test("several blocks a second: no operation is wasted, none is later than the second after", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 700 }),
        shares,
        fc.array(share, { minLength: 1, maxLength: 20 }),
        (gapMs, times, delays) => {
          const blocks = Array.from({ length: 200 }, (_, number) => ({
            number,
            timestampS: START_S + Math.floor((number * gapMs) / 1_000),
            madeAtMs: at(0) + number * gapMs,
          }));
          const delay = cycling(delays.map((one) => one * 80));
          const sendings = watch(blocks, operationsOf(blocks, times), delay);
          for (const [index, late] of latenessOf(blocks, sendings).entries()) {
            expect(late).toBeGreaterThanOrEqual(0);
            const { notBeforeS, sentAtMs } = sendings[index] as Sending;
            expect(sentAtMs).toBeLessThan((notBeforeS + 2) * 1_000);
          }
        },
      ),
      { numRuns: runs(300) },
    );
  });
});
