// What the indexer was once misled by: endpoints that say too little, too much or nothing, and reorgs.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { describe, expect, test } from "@jest/globals";
import { loadAuction } from "../../src/chain/indexing/auctions.ts";
import { RpcError } from "../../src/chain/rpc.ts";
import { eachTestHasAnEngine } from "../chain/shared-chain.ts";
import type { Engine, TappedRpc } from "../chain/support.ts";

let engine: Engine;
eachTestHasAnEngine((next) => {
  engine = next;
});

describe("empty-logs", () => {
  test("an empty eth_getLogs answer that the block's bloom contradicts loses no auction", async () => {
    const { chain } = engine;
    const indexer = engine.indexer();
    await engine.index(indexer);
    const auctionId = await chain.create();
    engine.rpc.after = async (method, _parameters, answer) =>
      method === "eth_getLogs" ? [] : answer;
    await engine.index(indexer).catch(() => undefined); // may well say: try again
    engine.rpc.calm();
    await engine.mine();
    await engine.index(indexer);
    const auction = await loadAuction(
      engine.db,
      engine.chainId,
      engine.contract,
      String(auctionId),
    );
    expect(auction).toBeDefined();
  });

  test("and does not stop the index for ever at the next bid", async () => {
    const { chain } = engine;
    const indexer = engine.indexer();
    await engine.index(indexer);
    const auctionId = await chain.create();
    engine.rpc.after = async (method, _parameters, answer) =>
      method === "eth_getLogs" ? [] : answer;
    await engine.index(indexer).catch(() => undefined);
    engine.rpc.calm();
    await chain.bid(auctionId, chain.person(0), 2_000n);
    await expect(engine.index(engine.indexer())).resolves.toBe("idle");
  });
});

// The first endpoint's answer must be contained in the proven one: an endpoint that adds a log (a duplicate, a wrong number)
// stops the indexer although another one gives an answer that proves itself.
describe("extra-log-stops-indexer", () => {
  test("an endpoint that says too much does not stop the indexer while another one proves its answer", async () => {
    const rpc = engine.endpoints(2);
    const auctionId = await engine.chain.create();
    rpc.after = async (method, [filter], answer, index) => {
      const filtered = (filter as { address?: unknown } | undefined)?.address !== undefined;
      if (method !== "eth_getLogs" || index !== 0 || !filtered) return answer;
      const logs = answer as { logIndex: string }[];
      return logs.length === 0 ? logs : [...logs, { ...logs[0], logIndex: "0x63" }];
    };
    await engine.index(engine.indexer({ rpc }));
    expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
      { auction_id: String(auctionId) },
    ]);
  });
});

// ADR 9: "Where eth_getLogs fails, eth_getBlockReceipts is asked, and every endpoint." ofBlock does so only when the answer
// is incomplete; an error (a replica without the block: reth, erigon, nethermind) is thrown, as an RpcError that inRounds takes
// for a defect and gives the leadership back.
describe("getlogs-error", () => {
  test("an eth_getLogs that fails at the head is asked for elsewhere", async () => {
    const rpc = engine.endpoints(2);
    await engine.index(engine.indexer({ rpc }));
    const auctionId = await engine.chain.create();
    rpc.before = async (method, _parameters, index) => {
      if (method === "eth_getLogs" && index === 0)
        throw new RpcError(method, -32_001, "Resource not found.");
    };
    await engine.index(engine.indexer({ rpc }));
    expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
      { auction_id: String(auctionId) },
    ]);
  });
});

describe("lagging-node-halts", () => {
  test("a node that lags further than the window (a fresh one, still syncing) does not halt the stream", async () => {
    const { chain } = engine;
    await chain.create();
    for (let block = 0; block < 30; block += 1) await engine.mine();
    const indexer = engine.indexer({ finalityDepth: 4 });
    await engine.index(indexer);
    for (let block = 0; block < 12; block += 1) await engine.mine();
    await engine.index(indexer);
    const behind = 10;
    engine.rpc.after = async (method, [number], answer) => {
      if (method !== "eth_getBlockByNumber") return answer;
      if (number === "latest")
        return chain.provider.send("eth_getBlockByNumber", [`0x${behind.toString(16)}`, false]);
      return Number(number) > behind ? null : answer;
    };
    const result = await indexer.step();
    expect(result).toBe("idle");
  });
});

// A log whose data is cut off passes the schema and the bloom filter (which knows addresses and topics only), and decodeLog
// throws a TypeError in every step, although another endpoint has it whole.
describe("malformed-log", () => {
  test("an endpoint that gives a log without its data does not stop the indexer while another one has it", async () => {
    const rpc = engine.endpoints(2);
    const auctionId = await engine.chain.create();
    rpc.after = async (method, _parameters, answer, index) =>
      method === "eth_getLogs" && index === 0
        ? (answer as object[]).map((log) => ({ ...log, data: "0x" }))
        : answer;
    await engine.index(engine.indexer({ rpc }));
    expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
      { auction_id: String(auctionId) },
    ]);
  });
});

// A node that stopped syncing answers everything, of an old block. It stays the preferred endpoint, and nobody compares heads.
describe("frozen-endpoint", () => {
  /** Endpoint 0 is frozen at the block that is the latest now. */
  async function frozen(): Promise<TappedRpc> {
    const rpc = engine.endpoints(2);
    const stands = await engine.chain.provider.send("eth_getBlockByNumber", ["latest", false]);
    const beyond = (at: unknown): boolean => Number(at) > Number(stands.number);
    rpc.after = async (method, parameters, answer, index) => {
      if (index !== 0) return answer;
      if (method === "eth_getBlockByNumber")
        return parameters[0] === "latest" ? stands : beyond(parameters[0]) ? null : answer;
      return answer;
    };
    return rpc;
  }

  test("the indexer follows the chain although the first endpoint stands still", async () => {
    const rpc = await frozen();
    const indexer = engine.indexer({ rpc });
    await engine.index(indexer);
    const auctionId = await engine.chain.create();
    for (let step = 0; step < 20; step += 1) await indexer.step();
    expect(await engine.db.query("SELECT auction_id::text FROM auctions")).toEqual([
      { auction_id: String(auctionId) },
    ]);
  });

  test("the sender learns what became of an end although the first endpoint stands still", async () => {
    const [auctionId = 0n] = await engine.due(1);
    const key = await engine.ask("end", auctionId);
    const sender = await engine.sender({ rpc: await frozen() });
    for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
      await sender.tick();
      await engine.mine();
    }
    expect(await engine.operation(key)).toMatchObject({ settled: true });
  });
});

describe("reorg-and-back", () => {
  test("clients that were told a bid is gone are told when it is there again", async () => {
    const { chain } = engine;
    const auctionId = await chain.create();
    const indexer = engine.indexer();
    await engine.index(indexer);
    await chain.bid(auctionId, chain.person(0), 2_000n);
    await engine.index(indexer);
    const top = await engine.blockNumber();
    // A second endpoint is on a sibling block for one poll: the head has the same height and another hash.
    engine.rpc.after = async (method, [number], answer) => {
      if (method !== "eth_getBlockByNumber") return answer;
      if (number === "latest" || Number(number) === top)
        return { ...(answer as object), hash: `0x${"cd".repeat(32)}` };
      return answer;
    };
    expect(await indexer.step()).toBe("advanced");
    engine.rpc.calm();
    await engine.index(indexer);
    const events = await engine.db.query<{ type: string; data: Record<string, unknown> }>(
      "SELECT type, data FROM events WHERE audience @> ARRAY[$1] ORDER BY seq",
      [`auction:${auctionId}`],
    );
    // The last word must be what the chain says: the bid stands.
    expect(events.map((one) => one.type)).toEqual([
      "auction-created",
      "bid-placed",
      "auction-reverted",
      "bid-placed",
    ]);
  });
});

describe("extension-taken-back", () => {
  test("an end that waits for an extended time comes forward again when a reorg takes the extension back", async () => {
    const { chain } = engine;
    const auctionId = await chain.create();
    const endsAtS = Number((await chain.state(auctionId))["endTime"]);
    await engine.mine();
    const indexer = engine.indexer();
    await engine.index(indexer);
    const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
    await chain.bid(auctionId, chain.person(0), 2_000n, endsAtS - 1); // extends by five seconds
    await engine.index(indexer);
    expect(Number((await engine.operation(key))["not_before_s"])).toBe(endsAtS + 5);
    await engine.reorg(1);
    await engine.index(indexer);
    expect(Number((await chain.state(auctionId))["endTime"])).toBe(endsAtS);
    // The workflow hears `reverted`; in the phase "ending" it asks again at best with the end that holds now.
    await engine.ask("end", auctionId, { notBeforeS: endsAtS });
    expect(Number((await engine.operation(key))["not_before_s"])).toBe(endsAtS);
  });
});
