import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { loadAuction } from "../../src/chain/indexing/auctions.ts";
import type { ChainIndexer, IndexerOptions } from "../../src/chain/indexing/indexer.ts";
import { Engine } from "./support.ts";

/** Twice this is the window of known blocks. */
const FINALITY_DEPTH = 8;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());
afterEach(() => engine.rpc.calm());

const indexer = (options: Partial<IndexerOptions> = {}): ChainIndexer =>
  engine.indexer({ finalityDepth: FINALITY_DEPTH, ...options });

/** Replaces the newest blocks by empty ones; the chain's clock goes on from there. */
async function reorg(depth: number): Promise<void> {
  await engine.reorg(depth);
  engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
}

async function expectAsOnChain(auctionId: bigint): Promise<void> {
  const onChain = await engine.chain.state(auctionId);
  const projected = await loadAuction(
    engine.db,
    engine.chainId,
    engine.contract,
    String(auctionId),
  );
  expect(BigInt(projected?.highBidWei ?? 0)).toBe(BigInt(String(onChain["highBidWei"])));
  expect(projected?.endsAtS).toBe(Number(onChain["endTime"]));
  const [head] = await engine.db.query<{ number: number; hash: string }>(
    "SELECT block_number AS number, block_hash AS hash FROM chain_cursors",
  );
  const latest = await engine.chain.provider.getBlock("latest");
  expect(head).toEqual({ number: latest?.number, hash: latest?.hash });
}

/** An auction with a bid in each of its blocks, the newest blocks of the chain. */
async function busy(blocks: number): Promise<bigint> {
  const { chain } = engine;
  const auctionId = await chain.create({ endTime: chain.nowS + 10_000 });
  for (let block = 1; block <= blocks; block += 1)
    await chain.bid(auctionId, chain.person(block % 3), 2_000n * 2n ** BigInt(block));
  return auctionId;
}

test.each([1, 2, 3, 4, 5, 6, FINALITY_DEPTH, FINALITY_DEPTH * 2])(
  "a reorg of %i blocks is followed to the common ancestor, while running and at a start",
  async (depth) => {
    const depths: number[] = [];
    const watching = { onReorg: (seen: number) => depths.push(seen) };
    const auctionId = await busy(depth + 1);
    const running = indexer(watching);
    await engine.index(running);
    await expectAsOnChain(auctionId);
    await reorg(depth);
    await engine.index(running);
    await expectAsOnChain(auctionId);
    expect(depths).toEqual([depth]);

    // The same while nobody looks, and with a chain that has already grown beyond what was indexed.
    const another = await busy(depth + 1);
    await engine.index(running);
    await reorg(depth);
    await engine.mine();
    await engine.chain.bid(another, engine.chain.person(4), 10n ** 15n);
    await engine.index(indexer(watching));
    await expectAsOnChain(another);
    expect(depths).toEqual([depth, depth]);
  },
);

test("the window holds right after a backfill, too", async () => {
  const auctionId = await busy(20);
  for (const table of ["auctions", "bids", "chain_blocks", "chain_logs", "chain_cursors"])
    await engine.db.query(`DELETE FROM ${table}`);
  await engine.index(indexer());
  await reorg(FINALITY_DEPTH * 2);
  expect(await engine.index(indexer())).toBe("idle");
  await expectAsOnChain(auctionId);
});

test("a reorg within a reorg ends at what the chain is at last", async () => {
  const auctionId = await busy(6);
  const running = indexer();
  await engine.index(running);
  await reorg(3);
  // The first step goes back; before the next one the chain changes once more, and deeper.
  expect(await running.step()).toBe("advanced");
  await reorg(5);
  await engine.index(running);
  await expectAsOnChain(auctionId);
});

test("an answer from another fork is no reorg", async () => {
  const depths: number[] = [];
  await busy(2);
  const running = indexer({ onReorg: (depth) => depths.push(depth) });
  await engine.index(running);
  await engine.mine();
  const head = `0x${(await engine.blockNumber()).toString(16)}`;
  engine.rpc.after = async (method, parameters, answer) =>
    method === "eth_getBlockByNumber" && (parameters[0] === "latest" || parameters[0] === head)
      ? { ...(answer as object), parentHash: `0x${"ef".repeat(32)}` }
      : answer;
  expect(await running.step()).toBe("idle");
  engine.rpc.calm();
  await engine.index(running);
  expect(depths).toEqual([]);
});

test("the age of a block at its commit and the distance to the head are reported", async () => {
  const lags: number[] = [];
  const steps: { readonly indexed: number; readonly head: number }[] = [];
  await engine.index(indexer());
  await engine.mine();
  await engine.index(indexer({ onLag: (lag) => lags.push(lag), onStep: (one) => steps.push(one) }));
  const head = await engine.blockNumber();
  expect(lags).toHaveLength(1);
  expect(lags[0]).toBeCloseTo(Date.now() / 1000 - engine.chain.nowS, -2);
  expect(steps[0]).toEqual({ indexed: head - 1, head });
});

test("a reorg deeper than the window halts the stream, says so, and npm run reindex rebuilds it", async () => {
  const auctionId = await busy(FINALITY_DEPTH * 2 + 4);
  await engine.index(indexer());
  await reorg(FINALITY_DEPTH * 2 + 3);
  expect(await engine.index(indexer())).toBe("halted");
  // It stays so for every process that looks.
  expect(await engine.index(indexer())).toBe("halted");
  expect(await engine.db.query("SELECT state, reason FROM chain_cursors")).toEqual([
    {
      state: "halted",
      reason: expect.stringContaining(
        `deeper than ${FINALITY_DEPTH * 2} blocks; run npm run reindex`,
      ),
    },
  ]);

  await promisify(execFile)(process.execPath, [join(repositoryRoot, "src/reindex.ts")], {
    env: { PATH: process.env["PATH"], DATABASE_URL: engine.databaseUrl },
  });
  expect(await engine.index(indexer())).toBe("idle");
  await expectAsOnChain(auctionId);
});
