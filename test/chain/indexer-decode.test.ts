import { expect, test } from "@jest/globals";
import { Interface, zeroPadValue } from "ethers";
import { meetingAuctionInterface, meetingPassInterface } from "../../src/chain/contracts.ts";
import { decodeLog, shapesOf } from "../../src/chain/indexing/decode.ts";
import type { Log } from "../../src/chain/types.ts";

const AUCTION = `0x${"a0".repeat(20)}`;
const PASS = `0x${"b0".repeat(20)}`;
const VALUES: Record<string, unknown> = {
  address: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  bool: true,
  bytes32: zeroPadValue("0x1234", 32),
};

const contracts: readonly (readonly [string, string, Interface])[] = [
  ["auction", AUCTION, meetingAuctionInterface],
  ["pass", PASS, meetingPassInterface],
];
const events = contracts.flatMap(([contract, address, abi]) => {
  const names: [string, string, string, Interface][] = [];
  abi.forEachEvent((event) => names.push([contract, event.name, address, abi]));
  return names;
});

test.each(events)("%s %s is read as ethers reads it", (_contract, name, address, abi) => {
  const event = abi.getEvent(name);
  if (event === null) throw new Error(`no event ${name}`);
  const encoded = abi.encodeEventLog(
    event,
    event.inputs.map(
      ({ type }, index) => VALUES[type] ?? 2n ** BigInt(type === "uint8" ? 3 : 15) + BigInt(index),
    ),
  );
  const log: Log = {
    ...encoded,
    address,
    blockNumber: 7,
    blockHash: `0x${"01".repeat(32)}`,
    transactionHash: `0x${"02".repeat(32)}`,
    logIndex: 3,
  };
  const parsed = abi.parseLog(log);
  const expected = Object.fromEntries(
    event.inputs.map((input, index) => {
      const value: unknown = parsed?.args[index];
      return [input.name, typeof value === "boolean" ? value : String(value).toLowerCase()];
    }),
  );
  const decoded = decodeLog(log, 1_000, AUCTION);
  expect(decoded).toMatchObject({ name, args: expected, blockNumber: 7, logIndex: 3, address });
  if (encoded.data !== "0x")
    expect(() => decodeLog({ ...log, data: encoded.data.slice(0, -2) }, 1_000, AUCTION)).toThrow(
      TypeError,
    );
});

test("an event with an argument that is no single word is refused when the contract is loaded", () => {
  const text = new Interface(["event Said(string what)"]);
  expect(() => shapesOf(text)).toThrow("Said holds a value of a kind nobody expected: string");
});

test("what the product does not know is passed over", () => {
  const log: Log = {
    address: AUCTION,
    topics: [`0x${"77".repeat(32)}`],
    data: "0x",
    blockNumber: 7,
    blockHash: `0x${"01".repeat(32)}`,
    transactionHash: `0x${"02".repeat(32)}`,
    logIndex: 3,
  };
  expect(decodeLog(log, 1_000, AUCTION)).toBeUndefined();
  expect(decodeLog({ ...log, topics: [] }, 1_000, AUCTION)).toBeUndefined();
});
