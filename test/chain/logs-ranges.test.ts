import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { adviceOf, LogRange, type RangeAdvice } from "../../src/chain/indexing/ranges.ts";
import { RpcError } from "../../src/chain/rpc.ts";
import { Engine } from "./support.ts";

/** What providers answer to a range that is too large, in their own words. */
const REFUSALS: readonly (readonly [provider: string, text: string, advice: RangeAdvice])[] = [
  [
    "Alchemy",
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the response size limit, this block range should work: [0x10, 0x1f]",
    { upTo: 31 },
  ],
  [
    "Alchemy, free tier",
    "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0x10, 0x19]. Upgrade to PAYG for expanded block range.",
    { upTo: 25 },
  ],
  [
    "Infura",
    "query returned more than 10000 results. Try with this block range [0x10, 0x2F].",
    { upTo: 47 },
  ],
  [
    "zkSync",
    "Query returned more than 10000 results. Try with this block range [0x10, 0x20]",
    { upTo: 32 },
  ],
  [
    "thirdweb",
    "Query returned more than 20000 results. Try with this block range [0x10, 0x20].",
    { upTo: 32 },
  ],
  ["reth", "query exceeds max results 20000, retry with the range 16-25", { upTo: 25 }],
  ["reth", "query exceeds max block range 100000", { maxBlocks: 100_000 }],
  ["Cloudflare", "Max range: 800", { maxBlocks: 800 }],
  [
    "QuickNode",
    "eth_getLogs and eth_newFilter are limited to a 10,000 blocks range",
    { maxBlocks: 10_000 },
  ],
  ["QuickNode, free tier", "eth_getLogs is limited to a 5 range", { maxBlocks: 5 }],
  [
    "BlockPi",
    "eth_getLogs is limited to 1024 block range. Please check the parameter requirements at https://docs.blockpi.io/documentations/api-reference",
    { maxBlocks: 1024 },
  ],
  ["1RPC", "eth_getLogs is limited to 0 - 10000 blocks range", { maxBlocks: 10_000 }],
  ["1RPC", "eth_getLogs is limited to a 10,000 range", { maxBlocks: 10_000 }],
  ["dRPC", "ranges over 10000 blocks are not supported on freetier", { maxBlocks: 10_000 }],
  ["Merkle", "eth_getLogs range is too large, max is 1k blocks", { maxBlocks: 1000 }],
  ["geth, BSC", "exceed maximum block range: 5000", { maxBlocks: 5000 }],
  ["geth", "exceed maximum block range 1000", { maxBlocks: 1000 }],
  ["PublicNode", "exceed maximum block range: 50000", { maxBlocks: 50_000 }],
  ["Besu", "Requested range exceeds maximum RPC range limit: 5000", { maxBlocks: 5000 }],
  ["Besu", "Requested range exceeds maximum range limit", {}],
  [
    "Nethermind",
    "requested too many blocks from 16 to 5000, maximum is set to 1000",
    { maxBlocks: 1000 },
  ],
  ["Erigon", "block range exceeds maximum 1000", { maxBlocks: 1000 }],
  ["Erigon", "query returned more than 10000 results", {}],
  ["HyperRPC", "block range greater than 20000 max", { maxBlocks: 20_000 }],
  ["Coinbase", "please limit the query to at most 1000 blocks", { maxBlocks: 1000 }],
  ["Ankr", "block range is too wide", {}],
  ["Optimism", "Block range is too large", {}],
  ["Base", "block range too large", {}],
  ["Optimism, its proxy", "backend response too large", {}],
  ["Chainstack", "Block range limit exceeded. See more details at https://docs.chainstack.com", {}],
  ["Arbitrum", "logs matched by query exceeds limit of 10000", {}],
  ["LlamaRPC", "query exceeds max results 20000", {}],
  ["Moonbeam", "query returned more than 10000 results. Maximum results", {}],
  ["Alchemy", "response size should not greater than 10000000 bytes", {}],
  ["geth", "query timeout exceeded", {}],
  ["a proxy", "context deadline exceeded", {}],
];

test.each(REFUSALS)("%s: %s", (_provider, text, advice) => {
  expect(adviceOf(text)).toEqual(advice);
});

test.each([
  "header not found",
  "insufficient funds",
  "Unauthorized: must provide an API key",
  "method not allowed",
])("“%s” does not speak of a range's size", (text) => {
  expect(adviceOf(text)).toBeUndefined();
});

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
  await engine.chain.provider.send("anvil_mine", ["0x64", "0x1"]);
});
afterAll(() => engine.stop());
afterEach(() => engine.rpc.calm());

/** Ranges that were asked for, and a node that refuses those of more than `limit` blocks with `text`. */
function strict(limit: number, text: (from: number) => string): number[] {
  const widths: number[] = [];
  engine.rpc.before = async (method, parameters) => {
    if (method !== "eth_getLogs") return;
    const [{ fromBlock, toBlock }] = parameters as [{ fromBlock: string; toBlock: string }];
    const width = Number(toBlock) - Number(fromBlock) + 1;
    widths.push(width);
    if (width > limit) throw new RpcError(method, -32_602, text(Number(fromBlock)));
  };
  return widths;
}

const fetched = (range: LogRange, from: number, to: number): Promise<{ readonly upTo: number }> =>
  range.fetch(engine.rpc, from, to, [engine.contract]);

test("a limit in blocks is learnt at once and kept", async () => {
  const widths = strict(20, () => "exceed maximum block range: 20");
  const range = new LogRange(2_000);
  expect(await fetched(range, 1, 90)).toMatchObject({ upTo: 20 });
  for (const from of [21, 41, 61])
    expect(await fetched(range, from, 90)).toMatchObject({ upTo: from + 19 });
  expect(widths).toEqual([90, 20, 20, 20, 20]);
});

test("a range that is advised for its many logs is taken, and ranges grow again after it", async () => {
  let limit = 8;
  const widths: number[] = [];
  engine.rpc.before = async (method, parameters) => {
    const [{ fromBlock, toBlock }] = parameters as [{ fromBlock: string; toBlock: string }];
    const [from, to] = [Number(fromBlock), Number(toBlock)];
    widths.push(to - from + 1);
    if (to - from + 1 > limit)
      throw new RpcError(
        method,
        -32_005,
        `query returned more than 10000 results. Try with this block range [0x${from.toString(16)}, 0x${(from + 7).toString(16)}].`,
      );
  };
  const range = new LogRange(2_000);
  expect(await fetched(range, 1, 60)).toMatchObject({ upTo: 8 });
  limit = 1_000;
  expect(await fetched(range, 9, 60)).toMatchObject({ upTo: 17 });
  expect(await fetched(range, 18, 60)).toMatchObject({ upTo: 27 });
  expect(widths).toEqual([60, 8, 9, 10]);
});

test("without advice the range is halved, and bad advice does not keep it from becoming smaller", async () => {
  let widths = strict(10, () => "block range is too wide");
  expect(await fetched(new LogRange(), 1, 80)).toMatchObject({ upTo: 10 });
  expect(widths).toEqual([80, 40, 20, 10]);

  widths = strict(10, (from) => `this block range should work: [0x${from.toString(16)}, 0xffff]`);
  expect(await fetched(new LogRange(), 1, 80)).toMatchObject({ upTo: 10 });
  expect(widths).toEqual([80, 40, 20, 10]);
});

test("a refusal that is not about size is passed on after a few attempts and does not slow what follows", async () => {
  const widths = strict(0, () => "Unauthorized: must provide an API key");
  const range = new LogRange(2_000);
  await expect(fetched(range, 1, 90)).rejects.toThrow("Unauthorized");
  expect(widths).toHaveLength(4);
  engine.rpc.calm();
  expect(await fetched(range, 1, 90)).toMatchObject({ upTo: 90 });
});

test("one block that is refused as too large is an error and no endless loop", async () => {
  strict(0, () => "query returned more than 10000 results");
  await expect(fetched(new LogRange(), 1, 90)).rejects.toThrow("more than 10000 results");
});
