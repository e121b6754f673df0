// Ends that once came late, or never.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { describe, expect, test } from "@jest/globals";
import { armEnds } from "../../src/chain/sending/operations.ts";
import { eachTestHasAnEngine } from "../chain/shared-chain.ts";
import type { Engine } from "../chain/support.ts";

let engine: Engine;
eachTestHasAnEngine((next) => {
  engine = next;
});

// With each new block every wallet asks which ends nobody has asked for. Nothing indexes operations by auction.
describe("big-tables", () => {
  /** Postgres is told that the tables are so large: it plans by that, and nobody waits for rows to be written. */
  const TOLD_ROWS = 200_000;
  const ROWS = 2_000;

  test("arming ends does not read all operations that ever were", async () => {
    for (const table of ["chain_operations", "auctions"])
      await engine.db.query(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`);
    await engine.db.query(
      `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, workflow_id, state, wallet, nonce, settled)
     SELECT 'end:' || $1 || ':' || $2 || ':' || n, 'end', $1::bigint, $2, n, 'w' || n, 'final', $2, n, true FROM generate_series(1, ${ROWS}) n`,
      [engine.chainId, engine.contract],
    );
    await engine.db.query(
      `INSERT INTO auctions (chain_id, contract, auction_id, host, salt, phase, starts_at, ends_at, original_ends_at, meeting_starts_at, meeting_duration_s,
       reserve_price_wei, min_increment_wei, fee_bps, transferable, updated_block)
     SELECT $1, $2, n, $2, $3, CASE WHEN n > ${ROWS - 10} THEN 'bidding' ELSE 'closed' END, now(), now() + n * interval '1 second', now(), now(), 1, 1, 1, 0, false, 1 FROM generate_series(1, ${ROWS}) n`,
      [engine.chainId, engine.contract, `0x${"11".repeat(32)}`],
    );
    await engine.db.query("ANALYZE");
    await engine.db.query(
      "UPDATE pg_class SET reltuples = $1 WHERE oid IN ('chain_operations'::regclass, 'auctions'::regclass)",
      [TOLD_ROWS],
    );
    const plans: string[] = [];
    await engine.db.transaction(async (tx) => {
      const untilS = Math.floor(Date.now() / 1000) + ROWS - 5;
      await armEnds(
        {
          query: async <T extends object>(sql: string, parameters: readonly unknown[] = []) => {
            const plan = await tx.query<{ "QUERY PLAN": string }>(`EXPLAIN ${sql}`, parameters);
            plans.push(plan.map((row) => row["QUERY PLAN"]).join("\n"));
            return tx.query<T>(sql, parameters);
          },
        },
        engine.chainId,
        engine.contract,
        untilS,
      );
    });
    expect(plans.join("\n")).not.toMatch(/Seq Scan on chain_operations/);
  });
});

describe("ends-behind-mints", () => {
  test("an end that is due is not kept back by mints that wait", async () => {
    const { chain } = engine;
    const auctionId = await chain.create();
    await chain.bid(auctionId, chain.person(0), 2_000n);
    chain.nowS = Number((await chain.state(auctionId))["endTime"]);
    await engine.mine();
    await engine.automine(false);
    const sender = await engine.sender();
    // 15 of the 16 places of the wallet are taken.
    for (let index = 0; index < 15; index += 1) {
      await engine.ask("settle", String(1_000 + index), { outcome: 1 });
      await sender.tick();
    }
    // A wave of sold auctions: their mints wait (not_before 0), while one auction reaches its end.
    for (let index = 0; index < 60; index += 1) await engine.ask("mint", String(2_000 + index));
    const key = await engine.ask("end", auctionId, { notBeforeS: chain.nowS });
    await sender.tick();
    expect(await engine.operation(key)).toMatchObject({ state: "broadcast" });
  });
});

// followExtensions moves an end for a bid in a block that the indexer never gets to see, because a reorg drops it. Nothing
// ever moves the end back: it is late by the whole time buffer.
describe("extension-of-a-dropped-block", () => {
  test("an end that was moved by a bid which a reorg drops is due at its old time again", async () => {
    const { chain } = engine;
    const auctionId = await chain.create({ endTime: chain.nowS + 31 });
    const endsAtS = Number((await chain.state(auctionId))["endTime"]);
    await chain.bid(auctionId, chain.person(0), 2_000n);
    const indexer = engine.indexer();
    while (chain.nowS < endsAtS - 2) await engine.mine();
    await engine.index(indexer);
    await engine.ask("end", auctionId, { notBeforeS: endsAtS });
    const sender = await engine.sender();
    // The last block before the end holds a bid; the sender looks at it before the indexer does.
    await chain.bid(auctionId, chain.person(1), 5_000n, endsAtS - 1);
    await sender.tick();
    // And that block is replaced by an empty one.
    await engine.reorg(1);
    chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
    expect(Number((await chain.state(auctionId))["endTime"])).toBe(endsAtS);
    await engine.automine(false);
    for (let block = 0; block < 5; block += 1) {
      await engine.index(indexer);
      await sender.tick();
      await engine.mine();
    }
    const ended = await chain.state(auctionId);
    expect({ nowS: chain.nowS, endsAtS, state: String(ended["state"]) }).toMatchObject({
      state: "2",
    });
  });
});

// For a metric, each overdue end walks back up to 64 blocks, one request after the other, before the round goes on.
describe("lateness-walk", () => {
  test("catching up after an outage does not ask for the same 64 blocks once per end", async () => {
    const ids = await engine.due(30);
    const endsAtS = engine.chain.nowS;
    for (const id of ids) await engine.ask("end", id, { notBeforeS: endsAtS });
    for (let block = 0; block < 70; block += 1) await engine.mine();
    const sender = await engine.sender();
    await sender.tick();
    await engine.mine();
    let asked = 0;
    engine.rpc.before = async (method) => void (method === "eth_getBlockByNumber" && (asked += 1));
    await sender.tick();
    expect(asked).toBeLessThan(200);
  });
});

// The end of an auction whose creation a reorg dropped is refused (unknown_auction). Later another auction gets the same id,
// and with it the refused operation: nobody can ask for its end any more.
describe("same-id-never-ends", () => {
  test("an auction that gets the id of a dropped one can be ended", async () => {
    const { chain } = engine;
    const indexer = engine.indexer();
    await engine.index(indexer);
    const dropped = await chain.create({ endTime: chain.nowS + 7 });
    await engine.index(indexer);
    const key = await engine.ask("end", dropped, { notBeforeS: chain.nowS + 6 });
    await engine.reorg(1);
    chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
    const sender = await engine.sender();
    for (let block = 0; block < 20 && !(await engine.isSettled(key)); block += 1) {
      await sender.tick();
      await engine.mine();
      await engine.index(indexer);
    }
    // Another auction takes the id; its creation is indexed, its time comes, its process asks for its end.
    const again = await chain.create({ endTime: chain.nowS + 20 });
    expect(again).toBe(dropped);
    await engine.index(indexer);
    const endsAtS = Number((await chain.state(again))["endTime"]);
    await engine.ask("end", again, { notBeforeS: endsAtS });
    for (let block = 0; block < 50; block += 1) {
      await sender.tick();
      await engine.mine();
      await engine.index(indexer);
    }
    expect(String((await chain.state(again))["state"])).toBe("2");
  });
});

describe("stale-read-unsold", () => {
  test("an auction somebody else ended is never told as unsold because one endpoint lags a block behind", async () => {
    const { chain } = engine;
    const auctionId = await chain.create();
    await chain.bid(auctionId, chain.person(0), 2_000n);
    const before = `0x${(await engine.blockNumber()).toString(16)}`;
    const key = await engine.ask("end", auctionId);
    await chain.end(auctionId);
    const sender = await engine.sender();
    await sender.tick();
    await engine.mine();
    // The receipt comes from a node that has the block, eth_call from a replica that does not yet.
    engine.rpc.after = async (method, parameters, answer) =>
      method === "eth_call" ? chain.provider.send("eth_call", [parameters[0], before]) : answer;
    await sender.tick().catch(() => undefined);
    engine.rpc.calm();
    for (let round = 0; round < 3; round += 1) {
      await engine.mine();
      await sender.tick();
    }
    const { result } = await engine.operation(key);
    expect(result).toMatchObject({ status: "done", winner: chain.person(0).toLowerCase() });
  });
});

// The indexer takes an extension back (end time T again) while the process, which has not heard of it, asks for T + 300; then
// it hears, and asks for T. requestOperation keeps the later one of both for ever.
describe("stale-request-delays-end", () => {
  test("an end that was asked for with the time of a dropped extension comes at its real time", async () => {
    const { chain } = engine;
    const auctionId = await chain.create({ endTime: chain.nowS + 21 });
    const endsAtS = Number((await chain.state(auctionId))["endTime"]);
    const indexer = engine.indexer();
    await engine.index(indexer);
    await engine.automine(false);
    await engine.ask("end", auctionId, { notBeforeS: endsAtS + 300 });
    await engine.ask("end", auctionId, { notBeforeS: endsAtS });
    const sender = await engine.sender();
    while (chain.nowS < endsAtS + 5) {
      await engine.index(indexer);
      await sender.tick();
      await engine.mine();
    }
    expect(String((await chain.state(auctionId))["state"])).toBe("2");
  });
});
