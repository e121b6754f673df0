import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import type { IndexerOptions } from "../../src/chain/indexing/indexer.ts";
import { RpcError } from "../../src/chain/rpc.ts";
import type { Log } from "../../src/chain/types.ts";
import { Engine } from "./support.ts";

/** Bids in the blocks that are backfilled: enough for several in each, in few blocks. */
const BLOCKS = 40;
const BIDS_PER_BLOCK = 50;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
  const { chain } = engine;
  const auctions: bigint[] = [];
  for (let count = 0; count < BIDS_PER_BLOCK; count += 1)
    auctions.push(await chain.create({ endTime: chain.nowS + 5_000 }));
  await engine.automine(false);
  for (let round = 1; round <= BLOCKS; round += 1) {
    // Each bid is a fifth above the last one, well over the least increment.
    const value = `0x${((10_000n * 12n ** BigInt(round)) / 10n ** BigInt(round)).toString(16)}`;
    // Each person's bids one after the other: anvil gives two at once the same nonce.
    await Promise.all(
      [0, 1, 2, 3, 4].map(async (person) => {
        for (const auctionId of auctions.filter((_, index) => (index + round) % 5 === person))
          await chain.provider.send("eth_sendTransaction", [
            {
              from: chain.person(person),
              to: chain.auction,
              data: meetingAuctionInterface.encodeFunctionData("bid", [auctionId]),
              value,
              gas: "0x30d40",
            },
          ]);
      }),
    );
    await engine.mine();
  }
  await engine.automine(true);
  // A day on which nothing happened, so that everything before it is deeper than any reorg.
  await chain.provider.send("anvil_mine", ["0x14", "0x1"]);
}, 120_000);
afterAll(() => engine.stop());
afterEach(() => engine.rpc.calm());

async function forget(): Promise<void> {
  for (const table of ["auctions", "bids", "chain_blocks", "chain_logs", "chain_cursors"])
    await engine.db.query(`DELETE FROM ${table}`);
}

const rebuild = async (options: Partial<IndexerOptions> = {}): Promise<unknown> => {
  await forget();
  await engine.index(engine.indexer({ finalityDepth: 4, ...options }));
  return projected();
};

const projected = (): Promise<unknown> =>
  engine.db.query(
    "SELECT auction_id, high_bidder, high_bid_wei, bid_count, steps FROM auctions ORDER BY auction_id",
  );

let truth: unknown;

test("a backfill gives what the chain has, and links and window hold at its end", async () => {
  const startedMs = performance.now();
  truth = await rebuild();
  const seconds = (performance.now() - startedMs) / 1000;
  const [count] = await engine.db.query<{ logs: number; bids: number }>(
    "SELECT (SELECT count(*)::int FROM chain_logs) AS logs, (SELECT count(*)::int FROM bids) AS bids",
  );
  expect(count?.bids).toBe(BLOCKS * BIDS_PER_BLOCK);
  process.stdout.write(
    `backfill: ${count?.logs} logs in ${seconds.toFixed(2)} s, ${Math.round((count?.logs ?? 0) / seconds)} logs/s\n`,
  );
  // Reorgs are followed from the first block after a backfill on.
  const window = await engine.db.query<{ number: number }>(
    "SELECT number FROM chain_blocks ORDER BY number",
  );
  const head = await engine.blockNumber();
  expect(window.map((row) => row.number)).toEqual(
    Array.from({ length: 9 }, (_, index) => head - 8 + index),
  );
});

const inBlock = (logs: readonly Log[], index: number): string => logs[index]?.blockHash ?? "";
const LEFT_OUT: readonly (readonly [string, (logs: Log[]) => Log[]])[] = [
  ["everything", () => []],
  ["a block's logs", (logs) => logs.filter((log) => log.blockHash !== inBlock(logs, 300))],
  [
    "the first log of a block",
    (logs) => logs.filter((log, at) => at === 0 || log.blockHash === logs[at - 1]?.blockHash),
  ],
  ["one log in the middle of a block", (logs) => logs.toSpliced(317, 1)],
  ["the last logs", (logs) => logs.slice(0, -7)],
];

test.each(LEFT_OUT)(
  "a range without %s is noticed, and the rest is fetched",
  async (_what, change) => {
    engine.rpc.after = async (method, parameters, answer) => {
      const [filter] = parameters as [{ fromBlock?: string } | undefined];
      if (method !== "eth_getLogs" || filter?.fromBlock === undefined) return answer;
      const logs = answer as Log[];
      return logs.length < 400 ? logs : change(logs);
    };
    expect(await rebuild()).toEqual(truth);
  },
);

test("a range whose logs or headers are of another fork is not believed", async () => {
  const other = `0x${"cd".repeat(32)}`;
  engine.rpc.after = async (method, parameters, answer) => {
    const [filter] = parameters as [{ fromBlock?: string } | undefined];
    if (method !== "eth_getLogs" || filter?.fromBlock === undefined) return answer;
    return (answer as Log[]).map((log, at) =>
      at % 100 === 99 ? { ...log, blockHash: other } : log,
    );
  };
  expect(await rebuild()).toEqual(truth);

  engine.rpc.after = async (method, parameters, answer) =>
    method === "eth_getBlockByNumber" && parameters[0] === "0x20"
      ? { ...(answer as object), hash: other }
      : answer;
  await forget();
  await expect(engine.index(engine.indexer({ finalityDepth: 4 }))).rejects.toMatchObject({
    kind: "retry",
    code: "forked_range",
  });
  expect(await projected()).toEqual([]);
});

test("small ranges give the same as large ones, and their size is reported", async () => {
  const sizes: number[] = [];
  engine.rpc.before = async (method, parameters) => {
    const [filter] = parameters as [{ fromBlock?: string; toBlock?: string } | undefined];
    if (method !== "eth_getLogs" || filter?.fromBlock === undefined) return;
    if (Number(filter.toBlock) - Number(filter.fromBlock) >= 7)
      throw new RpcError(method, -32_000, "exceed maximum block range: 7");
  };
  expect(await rebuild({ onRange: (blocks) => sizes.push(blocks) })).toEqual(truth);
  expect(new Set(sizes)).toEqual(new Set([7]));
});

test("a range is stored in pieces, and what fails later does not take back the pieces before", async () => {
  expect(await rebuild({ pieceLogs: 120 })).toEqual(truth);

  await forget();
  const sick = await engine.chain.provider.getBlock((await engine.blockNumber()) - 25);
  engine.rpc.before = async (method, parameters) => {
    if (method === "eth_getBlockReceipts" && parameters[0] === sick?.hash)
      throw new RpcError(method, -32_603, "internal error");
  };
  const options = { finalityDepth: 4, pieceLogs: 120 };
  await expect(engine.index(engine.indexer(options))).rejects.toMatchObject({
    kind: "retry",
    code: "logs_incomplete",
  });
  const [stored] = await engine.db.query<{ number: number; bids: number }>(
    "SELECT block_number AS number, (SELECT count(*)::int FROM bids) AS bids FROM chain_cursors",
  );
  expect(stored?.bids).toBeGreaterThan(0);
  expect(stored?.number).toBeLessThan(sick?.number ?? 0);

  engine.rpc.calm();
  await engine.index(engine.indexer(options));
  expect(await projected()).toEqual(truth);
});
