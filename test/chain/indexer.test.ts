import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { loadAuction, replayAuction } from "../../src/chain/indexing/auctions.ts";
import type { Queryable, Transactor } from "../../src/db/database.ts";
import { operationKey } from "../../src/domain/process.ts";
import { Engine } from "./support.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start();
});
afterAll(() => engine.stop());

const load = (auctionId: bigint) =>
  loadAuction(engine.db, engine.chainId, engine.contract, String(auctionId));

/** The projection must say what the contract says. */
async function expectAsOnChain(auctionId: bigint): Promise<void> {
  const onChain = await engine.chain.state(auctionId);
  const projected = await load(auctionId);
  const phase = {
    1: "bidding",
    2: BigInt(String(onChain["highBidWei"])) > 0n ? "sold" : "unsold",
    3: "cancelled",
    4: "closed",
  }[Number(onChain["state"])];
  expect(projected).toMatchObject({
    phase,
    host: String(onChain["host"]).toLowerCase(),
    endsAtS: Number(onChain["endTime"]),
    originalEndsAtS: Number(onChain["originalEndTime"]),
    meetingStartsAtS: Number(onChain["meetingStart"]),
    meetingDurationS: Number(onChain["meetingDurationS"]),
    outcome: Number(onChain["outcome"]) === 0 ? null : Number(onChain["outcome"]),
  });
  expect(BigInt(projected?.highBidWei ?? 0)).toBe(BigInt(String(onChain["highBidWei"])));
  expect(
    await replayAuction(engine.db, engine.chainId, engine.contract, String(auctionId)),
  ).toEqual(projected);
}

test("every step of an auction's life is projected as the contract has it", async () => {
  const { chain } = engine;
  const [bob, carol] = [chain.person(0), chain.person(1)];
  const held = await chain.create();
  const cancelled = await chain.create();
  const unsold = await chain.create();
  await engine.index();
  await expectAsOnChain(held);

  await chain.bid(held, bob, 2_000n);
  await chain.bid(held, carol, 3_000n, Number((await chain.state(held))["endTime"]) - 2);
  await engine.index();
  await expectAsOnChain(held);
  const extended = await load(held);
  expect(extended).toMatchObject({ highBidder: carol.toLowerCase(), bidCount: 2 });
  expect(extended?.endsAtS).toBeGreaterThan(extended?.originalEndsAtS ?? 0);

  await chain.send(chain.host, "cancel", [cancelled]);
  await chain.end(held);
  await chain.end(unsold);
  await chain.send(chain.operator, "mintPasses", [[held]]);
  await engine.index();
  for (const auctionId of [held, cancelled, unsold]) await expectAsOnChain(auctionId);
  expect(await load(held)).toMatchObject({
    winner: carol.toLowerCase(),
    passOwner: carol.toLowerCase(),
  });

  await chain.send(chain.operator, "settleMeetings", [[held], [1]]);
  await engine.index();
  await expectAsOnChain(held);
  const closed = await load(held);
  expect(closed).toMatchObject({ passOwner: null, outcome: 1, refundWei: "0" });
  expect(Object.keys(closed?.steps ?? {}).sort()).toEqual([
    "burned",
    "created",
    "ended",
    "minted",
    "settled",
  ]);
});

test("each event of clients and each message to a workflow is written once, with its cause", async () => {
  const events = await engine.db.query<{ type: string; seq: number }>(
    "SELECT type, seq FROM events ORDER BY seq",
  );
  expect(events.map((one) => one.type)).toEqual([
    "auction-created",
    "auction-created",
    "auction-created",
    "bid-placed",
    "bid-placed",
    "auction-extended",
    "auction-cancelled",
    "auction-ended",
    "auction-ended",
  ]);
  expect(events.map((one) => one.seq)).toEqual(events.map((_, index) => index + 1));
  const starts = await engine.db.query(
    "SELECT workflow_id FROM outbox WHERE kind = 'start-auction' ORDER BY id",
  );
  expect(starts.map((one) => one)).toEqual(
    ["1", "2", "3"].map((id) => ({ workflow_id: `auction/31337/${engine.contract}/${id}` })),
  );
  expect((await engine.signals()).map((one) => one.signal)).toEqual(["extended", "cancelled"]);
});

test("what anybody can make the contract say of an auction that never was changes nothing", async () => {
  const { chain } = engine;
  await chain.send(chain.person(3), "endAuctions", [[987_654_321n]]);
  expect(await engine.index()).toBe("idle");
  expect(await load(987_654_321n)).toBeUndefined();
});

test("a crash before the commit leaves nothing, and the next run does the block again", async () => {
  const auctionId = await engine.chain.create();
  const failing: Transactor = {
    query: (sql, parameters) => engine.db.query(sql, parameters),
    transaction: (work) =>
      engine.db.transaction(async (tx) => {
        const crashing: Queryable = {
          query(sql, parameters) {
            if (sql.startsWith("UPDATE chain_cursors")) throw new Error("the process dies here");
            return tx.query(sql, parameters);
          },
        };
        return work(crashing);
      }),
  };
  await expect(engine.index(engine.indexer({ db: failing }))).rejects.toThrow(
    "the process dies here",
  );
  expect(await load(auctionId)).toBeUndefined();
  await engine.index();
  await expectAsOnChain(auctionId);
});

test("an extension moves an end that is already waiting for its block", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await engine.index();
  const endsAtS = Number((await chain.state(auctionId))["endTime"]);
  const key = await engine.ask("end", auctionId, { notBeforeS: endsAtS });
  await chain.bid(auctionId, chain.person(2), 5_000n, endsAtS - 1);
  await engine.index();
  const moved = Number((await chain.state(auctionId))["endTime"]);
  expect(moved).toBeGreaterThan(endsAtS);
  expect(key).toBe(
    operationKey("end", {
      chainId: engine.chainId,
      contract: engine.contract,
      auctionId: String(auctionId),
    }),
  );
  expect(await engine.operation(key)).toMatchObject({ not_before_s: moved, state: "pending" });
});

test("after a reorg the projection is that of the canonical chain, and everyone concerned is told", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  await engine.index();
  const before = await load(auctionId);
  await chain.bid(auctionId, chain.person(1), 9_000n);
  await engine.index();
  expect(await load(auctionId)).toMatchObject({ bidCount: 2, highBidWei: "9000" });

  await engine.reorg(1);
  await engine.index();
  expect(await load(auctionId)).toEqual(before);
  expect(
    await engine.db.query("SELECT amount_wei FROM bids WHERE auction_id = $1", [String(auctionId)]),
  ).toEqual([{ amount_wei: "2000" }]);
  const reverted = await engine.db.query("SELECT data FROM events WHERE type = 'auction-reverted'");
  expect(reverted).toEqual([
    {
      data: expect.objectContaining({
        auctionId: String(auctionId),
        phase: "bidding",
        highBidWei: "2000",
      }),
    },
  ]);
  expect((await engine.signals()).at(-1)).toMatchObject({
    workflowId: `auction/31337/${engine.contract}/${auctionId}`,
    signal: "reverted",
    args: [{ cancelled: false }],
  });
});

test("a reorg that has already grown longer than what was indexed is found by the parent's hash", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, chain.person(0), 2_000n);
  await engine.index();
  expect(await load(auctionId)).toMatchObject({ bidCount: 1 });
  await engine.reorg(1);
  chain.nowS = Number((await chain.provider.getBlock("latest"))?.timestamp);
  for (let block = 0; block < 3; block += 1) await engine.mine();
  await engine.index();
  expect(await load(auctionId)).toMatchObject({ bidCount: 0, highBidWei: null });
  await expectAsOnChain(auctionId);
});

test("an auction whose creation was reorganised away is gone, and comes back with its creation", async () => {
  const { chain } = engine;
  const auctionId = await chain.create();
  await engine.index();
  expect(await load(auctionId)).toBeDefined();
  await engine.reorg(1);
  await engine.index();
  expect(await load(auctionId)).toBeUndefined();
  chain.nowS =
    Math.max(chain.nowS, Number((await chain.provider.getBlock("latest"))?.timestamp)) + 5;
  const again = await chain.create();
  await engine.index();
  expect(again).toBe(auctionId);
  await expectAsOnChain(again);
  // The process that runs under this id was started with the dropped auction's end: it is told the new one's.
  const endsAtMs = Number((await chain.state(again))["endTime"]) * 1000;
  expect((await engine.signals()).at(-1)).toMatchObject({
    signal: "reverted",
    args: [{ endsAtMs, cancelled: false }],
  });
});

test("a fresh indexer goes on where the last one stopped, and a backfill gives the same projection as block by block", async () => {
  await engine.index(engine.indexer());
  const rows = async (): Promise<unknown> =>
    engine.db.query(
      "SELECT auction_id, phase, ends_at, high_bid_wei, bid_count, winner, pass_owner, outcome, steps FROM auctions ORDER BY auction_id",
    );
  const live = await rows();
  for (const table of ["auctions", "bids", "chain_blocks", "chain_logs", "chain_cursors"])
    await engine.db.query(`DELETE FROM ${table}`);
  const eventsBefore = await engine.db.query("SELECT count(*) FROM events");
  // A window of one block: everything below the head is backfilled in ranges.
  await engine.index(engine.indexer({ finalityDepth: 1 }));
  expect(await rows()).toEqual(live);
  expect(await engine.db.query("SELECT count(*) FROM events")).toEqual(eventsBefore);
});

test("an endpoint of another chain halts the stream instead of mixing two chains", async () => {
  await engine.db.query(`UPDATE chain_cursors SET genesis_hash = $1`, [`0x${"ab".repeat(32)}`]);
  expect(await engine.index()).toBe("halted");
  const [cursor] = await engine.db.query<{ state: string; reason: string }>(
    "SELECT state, reason FROM chain_cursors",
  );
  expect(cursor?.state).toBe("halted");
  expect(cursor?.reason).toContain("another chain");
});
