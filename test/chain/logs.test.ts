// Logs where the bloom filter is all there is to go by. The proof by receipts is in indexer-receipts.test.ts.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import { LogReader } from "../../src/chain/indexing/logs.ts";
import type { JsonRpc } from "../../src/chain/rpc.ts";
import { type Block, latestBlock, type Log } from "../../src/chain/types.ts";
import { testLogger } from "../support/logs.ts";
import { Engine, TappedRpc } from "./support.ts";

/** A creation whose code only logs: LOG0 of nothing, twice. */
const FOREIGN_LOGS = "0x60006000a060006000a000";

let engine: Engine;
let block: Block;
beforeAll(async () => {
  engine = await Engine.start();
  // One block with logs of ours and of somebody else, all of whose topics differ.
  const { chain } = engine;
  const ids = [await chain.create(), await chain.create()];
  await engine.automine(false);
  for (const [index, auctionId] of ids.entries()) await bid(auctionId, index);
  await chain.provider.send("eth_sendTransaction", [
    { from: chain.person(2), data: FOREIGN_LOGS, gas: "0x100000" },
  ]);
  await engine.mine();
  await engine.automine(true);
  block = await latestBlock(engine.rpc);
  expect(await reader().ofBlock(block)).toHaveLength(2);
});
afterAll(() => engine.stop());
beforeEach(() => lie(engine.rpc, {}));
afterEach(() => engine.rpc.calm());

async function bid(auctionId: bigint, person: number): Promise<void> {
  const { chain } = engine;
  const data = meetingAuctionInterface.encodeFunctionData("bid", [auctionId]);
  await chain.provider.send("eth_sendTransaction", [
    { from: chain.person(person), to: chain.auction, data, value: "0x1388", gas: "0x100000" },
  ]);
}

const addresses = (): string[] => [engine.contract, engine.chain.pass.toLowerCase()];
const reader = (rpc: JsonRpc = engine.rpc): LogReader =>
  new LogReader(rpc, addresses(), testLogger());

type Change = (logs: Log[]) => Log[];
interface Lies {
  readonly filtered?: Change;
  readonly unfiltered?: Change;
  readonly receipts?: Change;
}

/** A kind of receipt that only rollups have, so that the root of no block can be computed. */
const ROLLUP_TYPE = "0x7e";

/** Makes a node of a rollup leave out, or change, what it is told to in the answers of each kind. */
function lie(rpc: TappedRpc, { filtered, unfiltered, receipts }: Lies): void {
  rpc.after = async (method, parameters, answer) => {
    if (method === "eth_getLogs") {
      const [filter] = parameters as [{ address?: unknown }];
      const change = filter.address === undefined ? unfiltered : filtered;
      return change === undefined ? answer : change(answer as Log[]);
    }
    if (method === "eth_getBlockReceipts")
      return (answer as { logs: Log[] }[]).map((one) => ({
        ...one,
        type: ROLLUP_TYPE,
        logs: receipts === undefined ? one.logs : receipts(one.logs),
      }));
    return answer;
  };
}

const nothing: Change = () => [];
const withoutFirst: Change = (logs) => logs.slice(1);
const withoutLast: Change = (logs) => logs.slice(0, -1);
const ours: Change = (logs) =>
  logs.filter((log) => addresses().includes(log.address.toLowerCase()));

test.each<[string, Lies]>([
  ["an empty answer", { filtered: nothing }],
  ["an answer without the first log", { filtered: withoutFirst }],
  ["an answer without the last log", { filtered: withoutLast }],
  [
    "an answer with a removed log",
    { filtered: (logs) => logs.map((log) => ({ ...log, removed: true })) },
  ],
  [
    "an answer of another fork",
    { filtered: (logs) => logs.map((log) => ({ ...log, blockHash: `0x${"ab".repeat(32)}` })) },
  ],
  ["no logs at all, but receipts", { filtered: nothing, unfiltered: nothing }],
  ["our logs without the others', but receipts", { filtered: withoutLast, unfiltered: ours }],
  ["a complete answer and one without somebody else's log", { unfiltered: withoutLast }],
])("%s is noticed and the logs are found elsewhere", async (_what, lies) => {
  lie(engine.rpc, lies);
  const logs = await reader().ofBlock(block);
  expect(logs.map((log) => log.logIndex)).toEqual([0, 1]);
});

test("a filtered answer and the block's own logs must agree, also where the bloom filter cannot tell", async () => {
  // The same person bids on the same auction twice: the second log has no address and no topic of its own.
  const auctionId = await engine.chain.create();
  await engine.automine(false);
  const data = meetingAuctionInterface.encodeFunctionData("bid", [auctionId]);
  for (const value of ["0x1388", "0x2710"])
    await engine.chain.provider.send("eth_sendTransaction", [
      { from: engine.chain.person(0), to: engine.chain.auction, data, value, gas: "0x100000" },
    ]);
  await engine.mine();
  await engine.automine(true);
  const twice = await latestBlock(engine.rpc);
  lie(engine.rpc, { unfiltered: withoutLast });
  expect(await reader().ofBlock(twice)).toHaveLength(2);
  lie(engine.rpc, { filtered: withoutLast });
  expect(await reader().ofBlock(twice)).toHaveLength(2);
  // Both leave out the same log, and the filter is the same without it: its number is missing.
  lie(engine.rpc, { filtered: withoutFirst, unfiltered: withoutFirst });
  expect(await reader().ofBlock(twice)).toHaveLength(2);
});

test("when nobody gives all logs, the block is not indexed, and it is as soon as somebody does", async () => {
  const strip = { filtered: nothing, unfiltered: withoutFirst, receipts: withoutFirst };
  await engine.index();
  await engine.chain.create();
  lie(engine.rpc, strip);
  await expect(engine.index()).rejects.toMatchObject({ kind: "retry", code: "logs_incomplete" });
  const cursor = async (): Promise<unknown> =>
    (await engine.db.query<{ n: number }>("SELECT block_number AS n FROM chain_cursors"))[0]?.n;
  expect(await cursor()).toBe((await engine.blockNumber()) - 1);
  engine.rpc.calm();
  expect(await engine.index()).toBe("idle");
  expect(await cursor()).toBe(await engine.blockNumber());
});

test("another endpoint is asked when the first has only a part", async () => {
  const { rpcUrl } = engine.chain.anvil;
  const rpc = new (class extends TappedRpc {
    override async callEndpoint(index: number, method: string, parameters: readonly unknown[]) {
      const answer = await super.callEndpoint(index, method, parameters);
      if (index === 1) return answer;
      if (method === "eth_getLogs") return (answer as Log[]).slice(1);
      if (method === "eth_getBlockReceipts") return [];
      return answer;
    }
  })({ endpoints: [rpcUrl, rpcUrl] });
  expect(await reader(rpc).ofBlock(block)).toHaveLength(2);
});

test("a block whose filter rules our contracts out costs one request", async () => {
  await engine.mine();
  const empty = await latestBlock(engine.rpc);
  const asked: string[] = [];
  engine.rpc.before = async (method) => {
    asked.push(method);
  };
  expect(await reader().ofBlock(empty)).toEqual([]);
  expect(asked).toEqual(["eth_getLogs"]);
});

test.each(["0x", `0x${"00".repeat(256)}`])(
  "on a chain whose headers have no filter (%#) the logs are taken as they come",
  async (logsBloom) => {
    expect(await reader().ofBlock({ ...block, logsBloom })).toHaveLength(2);
  },
);
