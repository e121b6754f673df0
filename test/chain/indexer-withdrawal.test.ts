import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { findMeetingOfAuction, meetingsOf } from "../../src/db/access.ts";
import { auctionWorkflowId, meetingWorkflowId } from "../../src/domain/process.ts";
import { Sales } from "./sales.ts";

let sales: Sales;
beforeAll(async () => {
  sales = await Sales.start();
});
afterAll(() => sales.engine.stop());

test("an end that comes back with the same winner leaves the meeting as it is", async () => {
  const { chain } = sales.engine;
  const sold = await sales.toBob();
  await sales.reorg(1);
  const after = await sales.lastMessage();
  expect(await sales.stateOf(sold.meeting.meetingId)).toBe("scheduled");
  await chain.end(sold.auctionId);
  await sales.engine.index();
  expect(await sales.stateOf(sold.meeting.meetingId)).toBe("scheduled");
  expect(await sales.messages(meetingWorkflowId(sold.meeting.meetingId))).toEqual([]);
  expect(await sales.messages(auctionWorkflowId(sales.ref(sold.auctionId)), after)).toEqual([]);
  expect(
    await sales.arranging.arrangeMeeting(sales.ref(sold.auctionId), await sales.sale(sales.bob)),
  ).toEqual({
    ...sold.meeting,
    endsAtMs: expect.any(Number),
  });
});

test("another winner: the meeting is withdrawn, and the new sale gets a meeting and a room of its own", async () => {
  const { chain, db } = sales.engine;
  const sold = await sales.toBob();
  await sales.reorg(2);
  const after = await sales.lastMessage();
  await chain.bid(sold.auctionId, sales.carol, 7_000n);
  await chain.end(sold.auctionId);
  await sales.engine.index();
  await sales.expectWithdrawn(sold);
  expect(await sales.messages(auctionWorkflowId(sales.ref(sold.auctionId)), after)).toEqual([
    { start: true },
    { reverted: expect.objectContaining({ cancelled: false, undone: ["end", "mint"] }) },
  ]);

  expect(
    await sales.arranging.arrangeMeeting(sales.ref(sold.auctionId), await sales.sale(sales.bob)),
  ).toBe("chain-changed");
  const again = await sales.arrange(sold.auctionId, sales.carol);
  expect(again.meetingId).not.toBe(sold.meeting.meetingId);
  expect(again).toMatchObject({
    winner: sales.carol.toLowerCase(),
    host: chain.host.toLowerCase(),
  });
  const rooms = await db.query<{ room: string }>(
    "SELECT room_name AS room FROM meetings WHERE auction_id = $1",
    [String(sold.auctionId)],
  );
  expect(new Set(rooms.map((row) => row.room)).size).toBe(2);
  const won = await db.query(
    "SELECT type FROM notifications WHERE data->>'meetingId' = $1 ORDER BY type",
    [again.meetingId],
  );
  expect(won).toEqual([{ type: "auction-sold" }, { type: "auction-won" }]);

  // Whoever looks for the auction's meeting finds the one that stands; each person sees their own.
  expect(await findMeetingOfAuction(db, sales.engine, String(sold.auctionId))).toMatchObject({
    id: again.meetingId,
  });
  const seenBy = async (wallet: string): Promise<unknown[]> =>
    (await meetingsOf(db, { wallets: [wallet.toLowerCase()], before: undefined, limit: 20 }))
      .filter((row) => row.auctionId === String(sold.auctionId))
      .map((row) => row.id);
  await chain.send(chain.operator, "mintPasses", [[sold.auctionId]]);
  await sales.engine.index();
  expect(await seenBy(sales.carol)).toEqual([again.meetingId]);
  expect(await seenBy(sales.bob)).toEqual([sold.meeting.meetingId]);
  expect(await seenBy(chain.host)).toHaveLength(2);
});

test("no bid any more: the meeting is withdrawn", async () => {
  const sold = await sales.toBob();
  await sales.reorg(2);
  await sales.engine.chain.end(sold.auctionId);
  await sales.engine.index();
  await sales.expectWithdrawn(sold);
  expect(
    await sales.arranging.announceUnsold(
      sales.ref(sold.auctionId),
      await sales.engine.blockNumber(),
    ),
  ).toBeUndefined();
});

test("cancelled: the meeting is withdrawn", async () => {
  const { chain } = sales.engine;
  const sold = await sales.toBob();
  await sales.reorg(2);
  await chain.send(chain.host, "cancel", [sold.auctionId]);
  await sales.engine.index();
  await sales.expectWithdrawn(sold);
});

test("another auction under the same id: the meeting is withdrawn at its creation", async () => {
  const sold = await sales.toBob();
  await sales.reorg(3);
  const after = await sales.lastMessage();
  expect(await sales.engine.chain.create()).toBe(sold.auctionId);
  await sales.engine.index();
  await sales.expectWithdrawn(sold);
  expect(
    (await sales.messages(auctionWorkflowId(sales.ref(sold.auctionId)), after)).slice(0, 2),
  ).toEqual([{ start: true }, { reverted: expect.objectContaining({ undone: ["end", "mint"] }) }]);
});

test("the same auction created anew and sold to the same person keeps its meeting", async () => {
  const { chain } = sales.engine;
  const params = chain.params();
  await chain.send(chain.host, "createAuction", [params]);
  const auctionId = BigInt(String(await chain.read("auctionCount")));
  await chain.bid(auctionId, sales.bob, 5_000n);
  await chain.end(auctionId);
  await sales.engine.index();
  const meeting = await sales.arrange(auctionId, sales.bob);
  await sales.reorg(3);
  await chain.send(chain.host, "createAuction", [
    { ...params, endTime: chain.nowS + 50, meetingStart: chain.nowS + 100 },
  ]);
  await chain.bid(auctionId, sales.bob, 5_000n);
  await chain.end(auctionId);
  await sales.engine.index();
  expect(await sales.stateOf(meeting.meetingId)).toBe("scheduled");
});

test("an auction that is gone with its creation: the meeting is withdrawn when it can no longer be expected back", async () => {
  const sold = await sales.toBob();
  const createdAt = (await sales.engine.blockNumber()) - 2;
  await sales.reorg(3);
  const index = async (): Promise<void> =>
    void (await sales.engine.index(sales.engine.indexer({ finalityDepth: 5 })));
  while ((await sales.engine.blockNumber()) < createdAt + 4) await sales.engine.mine();
  await index();
  expect(await sales.stateOf(sold.meeting.meetingId)).toBe("scheduled");
  await sales.engine.mine();
  await index();
  await sales.expectWithdrawn(sold);
});
