// The log that no bloom filter misses: the last one of its block, whose address and topics are in other logs of the block
// too. A provider that leaves it out of every answer was believed (simulation, seed 1015: a settlement was lost for ever).
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { Bloom } from "../../src/chain/indexing/bloom.ts";
import type { ChainIndexer, IndexerOptions } from "../../src/chain/indexing/indexer.ts";
import { LogReader } from "../../src/chain/indexing/logs.ts";
import { RpcError } from "../../src/chain/rpc.ts";
import { type Block, blockByNumber, latestBlock, type Log } from "../../src/chain/types.ts";
import { testLogger } from "../support/logs.ts";
import { Engine, type TappedRpc } from "./support.ts";

/** For so many rounds a block is waited for where the proof was never to be had. */
const ROUNDS = 20;
/** The same where every endpoint fails to give receipts. */
const FAILED_ROUNDS = 3;
const BATCH = 3;

let engine: Engine;
/** The block with the settlements, and the one before. */
let block: Block;
let before: Block;
beforeAll(async () => {
  engine = await Engine.start();
  const { chain } = engine;
  const auctions: bigint[] = [];
  for (let count = 0; count < BATCH; count += 1)
    auctions.push(await chain.sold(chain.person(count), 2_000n));
  await chain.send(chain.operator, "mintPasses", [auctions]);
  await chain.send(chain.operator, "settleMeetings", [auctions, auctions.map(() => 1)]);
  block = await latestBlock(engine.rpc);
  before = (await blockByNumber(engine.rpc, block.number - 1)) as Block;
  const logs = await engine.rpc.callEndpoint(0, "eth_getLogs", [{ blockHash: block.hash }]);
  const withoutLast = Bloom.ofLogs((logs as Log[]).slice(0, -1));
  expect(withoutLast.covers(Bloom.ofHeader(block.logsBloom) as Bloom)).toBe(true);
  // So that a backfill takes the block.
  for (let count = 0; count < 8; count += 1) await engine.mine();
}, 60_000);
afterAll(() => engine.stop());
afterEach(() => engine.rpc.calm());

interface RawReceipt {
  readonly transactionHash: string;
  readonly logs: readonly Log[];
}

/** Leaves the last log of the block out of everything an endpoint says, until it was asked for receipts so many times. */
function leaveOut(rpc: TappedRpc, options: { readonly times: number; readonly endpoint?: number }) {
  const seen = { lies: 0 };
  rpc.after = async (method, parameters, answer, index) => {
    const mine = options.endpoint === undefined || options.endpoint === index;
    if (!mine || seen.lies >= options.times) return answer;
    const last = (log: Log, at: number, logs: readonly Log[]): boolean =>
      log.blockHash === block.hash && logs[at + 1]?.blockHash !== block.hash;
    if (method === "eth_getLogs")
      return (answer as Log[]).filter((log, at, logs) => !last(log, at, logs));
    if (method !== "eth_getBlockReceipts" || parameters[0] !== block.hash) return answer;
    seen.lies += 1;
    return (answer as RawReceipt[]).map((one) => ({ ...one, logs: one.logs.slice(0, -1) }));
  };
  return seen;
}

async function forget(): Promise<void> {
  for (const table of ["auctions", "bids", "chain_blocks", "chain_logs", "chain_cursors"])
    await engine.db.query(`DELETE FROM ${table}`);
}

/** Live: block by block. Backfill: in one range. From nothing, as all of them are. */
async function fresh(
  way: "live" | "backfill",
  options: Partial<IndexerOptions> = {},
): Promise<ChainIndexer> {
  await forget();
  return engine.indexer({ finalityDepth: way === "live" ? 10_000 : 2, ...options });
}

/** Indexes to the head; how often it had to wait for logs, and what it had of the block while it waited. */
async function waited(indexer: ChainIndexer): Promise<number> {
  for (let waits = 0; ; waits += 1) {
    try {
      expect(await engine.index(indexer)).toBe("idle");
      return waits;
    } catch (error) {
      expect(error).toMatchObject({ kind: "retry", code: "logs_incomplete" });
      expect(await settlements()).toBe(0);
    }
  }
}

const settlements = async (): Promise<number> =>
  (await engine.db.query("SELECT 1 FROM auctions WHERE phase = 'closed' AND steps ? 'settled'"))
    .length;

const WAYS = ["live", "backfill"] as const;

test.each(WAYS)(
  "%s: while the only endpoint leaves the last log out, the index waits, however long; then it has all",
  async (way) => {
    const times = ROUNDS + 10;
    const indexer = await fresh(way);
    const seen = leaveOut(engine.rpc, { times });
    expect(await waited(indexer)).toBe(times);
    expect(seen.lies).toBe(times);
    expect(await settlements()).toBe(BATCH);
  },
);

test.each(WAYS)("%s: with an endpoint that tells the truth nothing waits", async (way) => {
  const rpc = engine.endpoints(2);
  const seen = leaveOut(rpc, { times: Infinity, endpoint: 0 });
  expect(await waited(await fresh(way, { rpc }))).toBe(0);
  expect(seen.lies).toBe(1);
  expect(await settlements()).toBe(BATCH);
});

test.each(WAYS)(
  "%s: where no endpoint knows eth_getBlockReceipts, the bloom filter must do",
  async (way) => {
    engine.rpc.before = async (method) => {
      if (method === "eth_getBlockReceipts")
        throw new RpcError(method, -32_601, `the method ${method} does not exist/is not available`);
    };
    expect(await waited(await fresh(way))).toBe(0);
    expect(await settlements()).toBe(BATCH);
  },
);

test("receipts that say too little to be encoded are no reason to wait", async () => {
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getBlockReceipts"
      ? (answer as RawReceipt[]).map(({ transactionHash, logs }) => ({ transactionHash, logs }))
      : answer;
  expect(await waited(await fresh("live"))).toBe(0);
  expect(await settlements()).toBe(BATCH);
});

test("a receipt that the chain appends outside of its header is passed over, and so are its logs", async () => {
  engine.rpc.after = async (method, _parameters, answer) => {
    if (method !== "eth_getBlockReceipts") return answer;
    const [...receipts] = answer as RawReceipt[];
    const count = receipts.flatMap((one) => one.logs).length;
    const logs = (receipts[0]?.logs ?? [])
      .slice(0, 1)
      .map((log) => ({ ...log, logIndex: `0x${count.toString(16)}` }));
    const transactionIndex = `0x${receipts.length.toString(16)}`;
    return [...receipts, { ...receipts[0], type: "0x0", transactionIndex, logs }];
  };
  const addresses = [engine.contract, engine.chain.pass.toLowerCase()];
  const logs = await new LogReader(engine.rpc, addresses, testLogger()).ofBlock(block);
  engine.rpc.calm();
  const all = await engine.rpc.callEndpoint(0, "eth_getLogs", [{ blockHash: block.hash }]);
  expect(logs).toHaveLength((all as Log[]).length);
});

test.each(WAYS)(
  "%s: a chain whose root never comes out is waited for once, and said to be so once",
  async (way) => {
    engine.rpc.after = async (method, _parameters, answer) =>
      method === "eth_getBlockByNumber"
        ? { ...(answer as object), receiptsRoot: `0x${"ab".repeat(32)}` }
        : answer;
    const logger = testLogger();
    const warn = jest.spyOn(logger, "warn");
    expect(await waited(await fresh(way, { logger }))).toBe(ROUNDS - 1);
    expect(await settlements()).toBe(BATCH);
    const said = warn.mock.calls.map((call) => JSON.stringify(call));
    expect(said.filter((one) => one.includes("cannot be reproduced"))).toHaveLength(1);
  },
);

test("an endpoint that fails to give a block's receipts is waited for three rounds, and asked again later", async () => {
  const addresses = [engine.contract, engine.chain.pass.toLowerCase()];
  const reader = new LogReader(engine.rpc, addresses, testLogger());
  // The chain's root is known to come out.
  const complete = await reader.ofBlock(block);
  await reader.ofBlock(before);
  engine.rpc.before = async (method) => {
    if (method === "eth_getBlockReceipts") throw new RpcError(method, -32_603, "Internal error");
  };
  for (let round = 1; round < FAILED_ROUNDS; round += 1)
    await expect(reader.ofBlock(block)).rejects.toMatchObject({ code: "logs_incomplete" });
  expect(await reader.ofBlock(block)).toEqual(complete);
  // The next block is not waited for.
  await reader.ofBlock(before);
});

test("a node that does not have the block yet is waited for", async () => {
  const addresses = [engine.contract, engine.chain.pass.toLowerCase()];
  const reader = new LogReader(engine.rpc, addresses, testLogger());
  engine.rpc.after = async (method, _parameters, answer) =>
    method === "eth_getBlockReceipts" ? null : answer;
  for (let round = 0; round <= FAILED_ROUNDS; round += 1)
    await expect(reader.ofBlock(block)).rejects.toMatchObject({ code: "logs_incomplete" });
});

test("a block that is proven by its receipts costs one request", async () => {
  const asked: string[] = [];
  engine.rpc.before = async (method) => {
    asked.push(method);
  };
  const addresses = [engine.contract, engine.chain.pass.toLowerCase()];
  await new LogReader(engine.rpc, addresses, testLogger()).ofBlock(block);
  expect(asked).toEqual(["eth_getBlockReceipts"]);
});
