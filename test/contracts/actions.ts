// What a random sequence of calls is made of.
import { fc } from "../support/random.ts";

/** One step of a random sequence. Numbers are meant modulo whatever there is to choose from. */
export const actionArbitrary = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant("create" as const) },
    { weight: 14, arbitrary: fc.constant("bid" as const) },
    { weight: 12, arbitrary: fc.constantFrom("end" as const, "mint" as const) },
    {
      weight: 9,
      arbitrary: fc.constantFrom("settle" as const, "burn" as const, "transfer" as const),
    },
    {
      weight: 5,
      arbitrary: fc.constantFrom("release" as const, "withdraw" as const, "withdraw" as const),
    },
    { weight: 2, arbitrary: fc.constantFrom("cancel" as const, "pause" as const, "fee" as const) },
  ),
  /** Most steps are aimed at an auction and an account with which they can succeed, the others at any. */
  isAimed: fc.nat(3).map((dice) => dice > 0),
  /** Seconds since the step before. */
  waitS: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) },
    fc.integer({ min: 5, max: 20 }),
  ),
  who: fc.nat(3),
  whom: fc.nat(3),
  which: fc.nat(20),
  batch: fc.array(fc.tuple(fc.nat(20), fc.nat(4)), { minLength: 0, maxLength: 4 }),
  /** Added to the minimum bid, or taken from it. */
  extraWei: fc.integer({ min: -20, max: 300 }),
  amountWei: fc.nat(1_000),
  durationS: fc.integer({ min: 5, max: 40 }),
  meetingDelayS: fc.nat(10),
  isTransferable: fc.boolean(),
});
export type Action = typeof actionArbitrary extends fc.Arbitrary<infer T> ? T : never;
