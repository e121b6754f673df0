// Whatever a contract writes into its logs, the index goes on.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { applyBlocks, type Stream } from "../../src/chain/indexing/apply.ts";
import { loadAuction, replayAuction } from "../../src/chain/indexing/auctions.ts";
import { type ChainEvent, decodeLog, ourEvents } from "../../src/chain/indexing/decode.ts";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import type { Block, Log } from "../../src/chain/types.ts";
import type { Database } from "../../src/db/database.ts";
import { openDatabase } from "../support/database.ts";
import { fc, runs } from "../support/random.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

const CHAIN = 31_337;
const AUCTION = `0x${"a0".repeat(20)}`;
const PASS = `0x${"b0".repeat(20)}`;
const STREAM: Stream = {
  chainId: CHAIN,
  auctionContract: AUCTION,
  confirmations: 1,
  finalityDepth: 8,
};
const NOW_S = 1_800_000_000;

let testDatabase: TestDatabase;
let db: Database;
let height = 0;
let auctions = 0n;
beforeAll(async () => {
  testDatabase = await createTestDatabase();
  db = openDatabase(testDatabase.url);
});
afterAll(async () => {
  await db.close();
  await testDatabase.drop();
});

const hashOf = (n: number | bigint): string => `0x${n.toString(16).padStart(64, "0")}`;

function nextBlock(): Block {
  height += 1;
  return {
    number: height,
    hash: hashOf(height),
    parentHash: hashOf(height - 1),
    timestampS: NOW_S + height,
    logsBloom: "0x",
    receiptsRoot: hashOf(0),
    gasLimit: 30_000_000n,
  };
}

const uint = (bits: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      fc.constantFrom(
        0n,
        1n,
        BigInt(NOW_S),
        BigInt(NOW_S) + 3_600n,
        10n ** 13n,
        2n ** 31n,
        2n ** 63n,
      ),
      fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }),
      fc.constant(2n ** BigInt(bits) - 1n),
    )
    .map((value) => (value >= 2n ** BigInt(bits) ? 2n ** BigInt(bits) - 1n : value).toString());
const address = fc.constantFrom(
  `0x${"0".repeat(40)}`,
  `0x${"1".repeat(40)}`,
  `0x${"f".repeat(40)}`,
);
const word = fc.constantFrom(hashOf(0), hashOf(2n ** 256n - 1n));

/** Every event of the contracts, its arguments anything that their types allow. */
const args: Readonly<Record<string, fc.Arbitrary<Record<string, string | boolean>>>> = {
  AuctionCreated: fc.record({
    host: address,
    salt: word,
    startTime: uint(64),
    endTime: uint(64),
    meetingStart: uint(64),
    meetingDurationS: uint(32),
    reservePriceWei: uint(128),
    minIncrementWei: uint(128),
    feeBps: uint(16),
    transferable: fc.boolean(),
  }),
  BidPlaced: fc.record({ bidder: address, amountWei: uint(256), endTime: uint(64) }),
  AuctionEnded: fc.record({ winner: address, amountWei: uint(256) }),
  AuctionCancelled: fc.record({}),
  Transfer: fc.record({ from: address, to: address }),
  MeetingSettled: fc.record({ outcome: uint(8), hostWei: uint(256), refundWei: uint(256) }),
  AuctionEndFailed: fc.record({ reason: uint(8) }),
};
/** Mostly created first, as otherwise nothing would be projected. */
const story = fc
  .tuple(
    fc.boolean(),
    fc.boolean(),
    fc.array(
      fc
        .constantFrom(...Object.keys(args))
        .chain((name) => (args[name] ?? fc.constant({})).map((given) => ({ name, given }))),
      { maxLength: 8 },
    ),
    args["AuctionCreated"] ?? fc.constant({}),
  )
  .map(([created, sane, others, given]) => {
    const times = {
      startTime: `${NOW_S}`,
      endTime: `${NOW_S + 3_600}`,
      meetingStart: `${NOW_S + 7_200}`,
      meetingDurationS: "3600",
      feeBps: "250",
    };
    const first = { name: "AuctionCreated", given: sane ? { ...given, ...times } : given };
    return created ? [first, ...others] : others;
  });

function eventOf(
  block: Block,
  logIndex: number,
  auctionId: string,
  { name, given }: { name: string; given: Record<string, string | boolean> },
): ChainEvent {
  return {
    name,
    auctionId,
    args: { ...given, auctionId },
    blockNumber: block.number,
    blockHash: block.hash,
    blockTimestampS: block.timestampS,
    transactionHash: hashOf(logIndex),
    logIndex,
    address: name === "Transfer" ? PASS : AUCTION,
  };
}

test("no event whatever stops the index, and a rebuild leaves out the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(story, { minLength: 1, maxLength: 4 }), async (stories) => {
      const block = nextBlock();
      const ids = stories.map(() => (2n ** 255n + (auctions += 1n)).toString());
      const events = stories
        .flatMap((steps, index) => steps.map((one) => ({ one, id: ids[index] ?? "" })))
        .map(({ one, id }, logIndex) => eventOf(block, logIndex, id, one));
      await db.transaction((tx) => applyBlocks(tx, STREAM, block.number - 1, [block], events));
      for (const id of ids)
        expect(await replayAuction(db, CHAIN, AUCTION, id)).toEqual(
          await loadAuction(db, CHAIN, AUCTION, id),
        );
    }),
    { numRuns: runs(100) },
  );
});

test("what is left out is kept, with the reason", async () => {
  const block = nextBlock();
  const id = (2n ** 255n + (auctions += 1n)).toString();
  const events = [eventOf(block, 0, id, { name: "AuctionCancelled", given: {} })];
  const left = await db.transaction((tx) =>
    applyBlocks(tx, STREAM, block.number - 1, [block], events),
  );
  expect(left).toHaveLength(1);
  expect(
    await db.query("SELECT log_index, reason FROM chain_unread_logs WHERE block_hash = $1", [
      block.hash,
    ]),
  ).toEqual([
    { log_index: 0, reason: "AuctionCancelled of an auction whose creation is not known" },
  ]);
});

const topicsOf = meetingAuctionInterface.fragments
  .filter((one) => one.type === "event")
  .map((one) => (one as unknown as { topicHash: string }).topicHash);

test("bytes in the place of an event either decode or are refused as a TypeError", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...topicsOf),
      fc.array(fc.constantFrom(hashOf(0), hashOf(2n ** 256n - 1n)), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom(AUCTION, PASS, `0x${"c0".repeat(20)}`),
      (topic, topics, data, from) => {
        const log: Log = {
          address: from,
          topics: [topic, ...topics],
          data: `0x${Buffer.from(data).toString("hex")}`,
          blockNumber: 1,
          blockHash: hashOf(1),
          transactionHash: hashOf(1),
          logIndex: 0,
        };
        try {
          decodeLog(log, NOW_S, AUCTION);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
        // In a receipt another contract's log is nobody's business.
        if (from !== AUCTION && from !== PASS) expect(ourEvents([log], AUCTION, PASS)).toEqual([]);
        else ourEvents([log], AUCTION, PASS);
      },
    ),
  );
});
