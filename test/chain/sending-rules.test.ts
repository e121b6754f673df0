import { expect, test } from "@jest/globals";
import { fc } from "../support/random.ts";
import { bumpedFees, cappedFees } from "../../src/chain/sending/fees.ts";
import { batchLimit } from "../../src/chain/sending/calls.ts";
import { batchesOf } from "../../src/chain/sending/batches.ts";
import type { Operation } from "../../src/chain/sending/operations.ts";
import { shareOf } from "../../src/chain/sending/wallets.ts";

const wei = fc.bigInt({ min: 0n, max: 10n ** 15n });
const fees = fc
  .record({ maxFeePerGasWei: wei, maxPriorityFeePerGasWei: wei })
  .filter((one) => one.maxPriorityFeePerGasWei <= one.maxFeePerGasWei);

test("a replacement raises both caps by at least an eighth, reaches the market if it may, and never passes the cap", () => {
  fc.assert(
    fc.property(fees, fees, wei, (previous, market, capWei) => {
      const bumped = bumpedFees(previous, market, capWei);
      if (bumped === undefined) {
        expect(
          previous.maxFeePerGasWei * 9n > capWei * 8n - 16n ||
            previous.maxPriorityFeePerGasWei * 9n > capWei * 8n - 16n,
        ).toBe(true);
        return;
      }
      for (const one of ["maxFeePerGasWei", "maxPriorityFeePerGasWei"] as const) {
        expect(bumped[one] * 8n >= previous[one] * 9n && bumped[one] > previous[one]).toBe(true);
        expect(bumped[one] >= market[one] || bumped[one] <= bumped.maxFeePerGasWei).toBe(true);
      }
      expect(bumped.maxFeePerGasWei <= capWei).toBe(true);
      expect(bumped.maxPriorityFeePerGasWei <= bumped.maxFeePerGasWei).toBe(true);
      if (market.maxFeePerGasWei <= capWei)
        expect(bumped.maxFeePerGasWei >= market.maxFeePerGasWei).toBe(true);
    }),
  );
});

test("a first transaction pays the market, but never more than the cap", () => {
  fc.assert(
    fc.property(fees, wei, (market, capWei) => {
      const capped = cappedFees(market, capWei);
      expect(capped.maxFeePerGasWei <= capWei).toBe(true);
      expect(capped.maxPriorityFeePerGasWei <= capped.maxFeePerGasWei).toBe(true);
      if (capWei >= market.maxFeePerGasWei) expect(capped).toEqual(market);
      else expect(capped.maxFeePerGasWei).toBe(capWei);
    }),
  );
});

test("batches hold one kind each, at most fifty ends, and an operation that failed before goes alone", () => {
  const operation = (index: number, kind: Operation["kind"], attempts = 0): Operation => ({
    key: `${kind}:${index}`,
    kind,
    auctionId: String(index),
    outcome: 1,
    attempts,
    workflowId: "w",
    settled: false,
    notBeforeS: 0,
    createdAt: new Date(0),
    askedBefore: false,
  });
  const due = [
    ...Array.from({ length: 60 }, (_, index) => operation(index, "end")),
    operation(1, "mint"),
    operation(100, "end", 1),
    operation(2, "mint"),
  ];
  const batches = batchesOf(due, { end: 50, mint: 25, settle: 25 });
  expect(batches.map((batch) => [batch.kind, batch.operations.length])).toEqual([
    ["end", 50],
    ["end", 10],
    ["end", 1],
    ["mint", 2],
  ]);
  expect(batches.flatMap((batch) => batch.operations.map((one) => one.key)).sort()).toEqual(
    due.map((one) => one.key).sort(),
  );
});

test("a batch asks for at most half of a block's gas, whatever the operator wishes, and holds one operation at least", () => {
  expect(batchLimit("end", 30_000_000n, 50)).toBe(50);
  expect(batchLimit("mint", 30_000_000n, 50)).toBe(25);
  expect(batchLimit("end", 30_000_000n, 7)).toBe(7);
  // 500,000 − 60,000 at 13,000 each.
  expect(batchLimit("end", 1_000_000n, 50)).toBe(33);
  expect(batchLimit("settle", 100_000n, 50)).toBe(1);
});

test("wallets share what is due by the room each has, and nothing is left over", () => {
  const room = fc.integer({ min: 0, max: 16 });
  fc.assert(
    fc.property(
      fc.array(room, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 200 }),
      (rooms, due) => {
        const total = rooms.reduce((a, b) => a + b, 0);
        const shares = rooms.map((mine) => shareOf(due, mine, total - mine));
        for (const [index, share] of shares.entries())
          expect(share).toBeLessThanOrEqual(rooms[index] ?? 0);
        const taken = shares.reduce((a, b) => a + b, 0);
        expect(taken).toBeGreaterThanOrEqual(Math.min(due, total));
        // Rounding up costs each wallet less than one transaction.
        expect(taken).toBeLessThan(Math.min(due, total) + rooms.length);
      },
    ),
  );
  expect(shareOf(10, 16, 16)).toBe(5);
});
