import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { z } from "zod";
import {
  isEncodable,
  ReceiptContent,
  receiptsRoot,
} from "../../src/chain/indexing/receipts-root.ts";
import { AuctionChain } from "../contracts/harness.ts";
import { latestTimestamp } from "../support/anvil.ts";

const Header = z.object({ receiptsRoot: z.string() });

let chain: AuctionChain;
beforeAll(async () => {
  chain = await AuctionChain.start();
});
afterAll(() => chain.stop());

/** A block of so many transfers, a failing call and a bid with logs among them. */
async function blockOf(transfers: number): Promise<{ root: string; receipts: ReceiptContent[] }> {
  const { provider } = chain;
  const from = chain.person(0);
  await provider.send("evm_setAutomine", [false]);
  for (let index = 0; index < transfers; index += 1)
    await provider.send("eth_sendTransaction", [
      { from, to: chain.person(1), value: "0x1", gas: "0x5208" },
    ]);
  await provider.send("evm_mine", []);
  await provider.send("evm_setAutomine", [true]);
  const header = Header.parse(await provider.send("eth_getBlockByNumber", ["latest", false]));
  const receipts = z
    .array(ReceiptContent)
    .parse(await provider.send("eth_getBlockReceipts", ["latest"]));
  expect(receipts).toHaveLength(transfers);
  return { root: header.receiptsRoot, receipts };
}

// Where the shape of the tree changes: one leaf, keys of one and of two bytes, more than one level of branches.
test.each([0, 1, 2, 16, 17, 127, 128, 129, 300])(
  "the root of a block with %i receipts is the one in its header",
  async (count) => {
    const { root, receipts } = await blockOf(count);
    expect(receiptsRoot(receipts)).toBe(root);
  },
);

test("a log less, a receipt less, or another order of logs gives another root", async () => {
  const { provider } = chain;
  // The blocks above were mined by themselves, a second each, and the harness does not know.
  chain.nowS = await latestTimestamp(provider);
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  const header = Header.parse(await provider.send("eth_getBlockByNumber", ["latest", false]));
  const receipts = z
    .array(ReceiptContent)
    .parse(await provider.send("eth_getBlockReceipts", ["latest"]));
  expect(receiptsRoot(receipts)).toBe(header.receiptsRoot);
  expect(receipts[0]?.logs.length).toBeGreaterThan(0);
  const stripped = receipts.map((one) => ({ ...one, logs: one.logs.slice(0, -1) }));
  expect(receiptsRoot(stripped)).not.toBe(header.receiptsRoot);
  expect(receiptsRoot([])).not.toBe(header.receiptsRoot);
  const failed = receipts.map((one) => ({ ...one, status: 0 }));
  expect(receiptsRoot(failed)).not.toBe(header.receiptsRoot);
});

test("receipts of kinds that only other chains have cannot be encoded", async () => {
  const { receipts } = await blockOf(1);
  expect(isEncodable(receipts)).toBe(true);
  expect(isEncodable([])).toBe(true);
  expect(isEncodable(receipts.map((one) => ({ ...one, type: 0x7e })))).toBe(false);
});
