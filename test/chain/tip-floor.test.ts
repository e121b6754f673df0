import { expect, test } from "@jest/globals";
import { RpcError } from "../../src/chain/rpc.ts";
import { classifySendError } from "../../src/chain/sending/classify.ts";
import { TipFloor } from "../../src/chain/sending/tip-floor.ts";

test.each([
  [
    "Polygon",
    "transaction gas price below minimum: gas tip cap 1000000000, minimum needed 25000000000",
    25_000_000_000n,
  ],
  [
    "BSC",
    "transaction underpriced: gas tip cap 100000000, minimum needed 1000000000",
    1_000_000_000n,
  ],
  [
    "other words",
    "transaction underpriced: tip needs to be at least 1000, at least 3000000000",
    3_000_000_000n,
  ],
  ["a node without a number", "transaction underpriced", 0n],
  [
    "a node that asks for the moon",
    `gas price below minimum, minimum needed 1${"0".repeat(18)}`,
    0n,
  ],
])("%s: the minimum that it names is offered next", (_who, message, wei) => {
  const floor = new TipFloor();
  expect(classifySendError(new RpcError("eth_sendRawTransaction", -32_000, message))).toBe(
    "underpriced",
  );
  floor.heard(message);
  expect(floor.wei).toBe(wei);
});

test("a configured floor stays, and a higher one that is named counts", () => {
  const floor = new TipFloor(30n * 10n ** 9n);
  expect(floor.wei).toBe(30n * 10n ** 9n);
  floor.heard("minimum needed 25000000000");
  expect(floor.wei).toBe(30n * 10n ** 9n);
  floor.heard("minimum needed 35000000000");
  expect(floor.wei).toBe(35n * 10n ** 9n);
});
