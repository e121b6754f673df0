import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { RpcError } from "../../src/chain/rpc.ts";
import { classifySendError } from "../../src/chain/sending/classify.ts";
import { bumpedFees } from "../../src/chain/sending/fees.ts";
import { batchesOf } from "../../src/chain/sending/sender.ts";
import type { Operation } from "../../src/chain/sending/operations.ts";
import { BlockClock } from "../../src/chain/sending/timing.ts";

const error = (message: string, code = -32_000, data?: unknown): RpcError =>
  new RpcError("eth_sendRawTransaction", code, message, data);

test.each([
  ["already known", "already_known"],
  ["known transaction: 0xabc", "already_known"],
  ["AlreadyKnown", "already_known"],
  ["nonce too low: next nonce 5, tx nonce 4", "nonce_too_low"],
  ["Nonce too low", "nonce_too_low"],
  ["OldNonce", "nonce_too_low"],
  ["replacement transaction underpriced", "replacement_underpriced"],
  ["transaction underpriced: tip needed 1, tip permitted 0", "underpriced"],
  ["max fee per gas less than block base fee", "underpriced"],
  ["insufficient funds for gas * price + value", "insufficient_funds"],
  ["intrinsic gas too low", "rejected"],
  ["exceeds block gas limit", "rejected"],
  ["the server is on fire", "unknown"],
])("a node that says “%s” means %s", (text, meaning) => {
  expect(classifySendError(error(text))).toBe(meaning);
});

test("a text that a gateway wrapped is found, and no answer at all is unknown", () => {
  expect(classifySendError(error("Internal error", -32_603, { message: "nonce too low" }))).toBe(
    "nonce_too_low",
  );
  expect(classifySendError(new TypeError("fetch failed"))).toBe("unknown");
});

test("a replacement raises both caps by at least an eighth and reaches the market", () => {
  const wei = fc.bigInt({ min: 0n, max: 10n ** 15n });
  const fees = fc.record({ maxFeePerGasWei: wei, maxPriorityFeePerGasWei: wei });
  fc.assert(
    fc.property(fees, fees, (previous, market) => {
      const bumped = bumpedFees(previous, market);
      for (const cap of ["maxFeePerGasWei", "maxPriorityFeePerGasWei"] as const) {
        expect(bumped[cap] * 8n >= previous[cap] * 9n).toBe(true);
        expect(bumped[cap] >= market[cap]).toBe(true);
      }
    }),
  );
});

test("a clock of one-second blocks expects the next second", () => {
  const clock = new BlockClock();
  for (let block = 0; block < 10; block += 1)
    clock.observe({ number: block, timestampS: 1_000 + block }, block * 1_000);
  expect(clock.intervalS).toBe(1);
  expect(clock.nextTimestampS(9_100)).toBe(1_010);
});

test("a clock of twelve-second slots expects the next slot, and a later one once a slot was missed", () => {
  const clock = new BlockClock();
  for (let block = 0; block < 5; block += 1)
    clock.observe({ number: block, timestampS: 12 * block }, block * 12_000);
  expect(clock.nextTimestampS(48_500)).toBe(60);
  // The block of second 60 should have come; it is 7 seconds overdue.
  expect(clock.nextTimestampS(67_000)).toBe(72);
});

test("one missed slot does not change the interval", () => {
  const clock = new BlockClock();
  for (const [number, timestampS] of [
    [0, 0],
    [1, 12],
    [2, 36],
    [3, 48],
    [4, 60],
  ] as const)
    clock.observe({ number, timestampS }, timestampS * 1_000);
  expect(clock.intervalS).toBe(12);
});

test("before the first block there is no prediction", () => {
  expect(new BlockClock().nextTimestampS(0)).toBeUndefined();
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
  });
  const due = [
    ...Array.from({ length: 60 }, (_, index) => operation(index, "end")),
    operation(1, "mint"),
    operation(100, "end", 1),
    operation(2, "mint"),
  ];
  const batches = batchesOf(due);
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
