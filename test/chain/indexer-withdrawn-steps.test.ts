import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { auctionWorkflowId } from "../../src/domain/process.ts";
import { Sales } from "./sales.ts";

let sales: Sales;
beforeAll(async () => {
  sales = await Sales.start();
});
afterAll(() => sales.engine.stop());

test("an end that is taken back has the auction's process run again and forget it", async () => {
  const sold = await sales.toBob();
  const after = await sales.lastMessage();
  await sales.reorg(1);
  expect(await sales.messages(auctionWorkflowId(sales.ref(sold.auctionId)), after)).toEqual([
    { start: true },
    { reverted: expect.objectContaining({ cancelled: false, undone: ["end"] }) },
  ]);
  // Nothing is made of a sale that the indexer knows to be gone, and nothing is waited for.
  expect(
    await sales.arranging.arrangeMeeting(sales.ref(sold.auctionId), {
      winner: sales.bob.toLowerCase(),
      amountWei: "5000",
      blockNumber: 1,
    }),
  ).toBe("chain-changed");
  expect(await sales.arranging.announceUnsold(sales.ref(sold.auctionId), 1)).toBe("chain-changed");
  expect(await sales.arranging.announceCancelled(sales.ref(sold.auctionId), 1)).toBe(
    "chain-changed",
  );
  // What the sender has seen beyond the indexer is waited for.
  await expect(
    sales.arranging.arrangeMeeting(sales.ref(sold.auctionId), {
      winner: sales.bob.toLowerCase(),
      amountWei: "5000",
      blockNumber: 10_000,
    }),
  ).rejects.toMatchObject({ kind: "retry", code: "projection_behind" });
});

test("a withdrawn meeting is neither opened nor settled, and its room is ended", async () => {
  const { chain, db } = sales.engine;
  const sold = await sales.toBob();
  await sales.holding.openMeeting(sold.meeting.meetingId);
  expect(await sales.holding.closeMeeting(sold.meeting, null)).toBe(2);
  const settlement = async (): Promise<unknown[]> =>
    db.query("SELECT state FROM chain_operations WHERE kind = 'settle' AND auction_id = $1", [
      String(sold.auctionId),
    ]);
  expect(await settlement()).toEqual([{ state: "pending" }]);
  await sales.reorg(2);
  await chain.end(sold.auctionId);
  await sales.engine.index();
  await sales.expectWithdrawn(sold);
  // What the old sale was to be settled with must not be what the next one is.
  expect(await settlement()).toEqual([]);
  expect(await sales.holding.remind(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await sales.holding.openMeeting(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await sales.holding.closeMeeting(sold.meeting, null)).toBe("chain-changed");
  expect(await sales.holding.announceSettlement(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await settlement()).toEqual([]);
  sales.endedRooms.length = 0;
  await sales.holding.leaveWithdrawn(sold.meeting.meetingId);
  const [room] = await db.query<{ name: string }>(
    "SELECT room_name AS name FROM meetings WHERE id = $1",
    [sold.meeting.meetingId],
  );
  expect(sales.endedRooms).toEqual([room?.name]);
  expect(await sales.stateOf(sold.meeting.meetingId)).toBe("withdrawn");
});

test("a meeting is not made of a sale while the indexer takes the sale back", async () => {
  const { chain, db } = sales.engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, sales.bob, 5_000n);
  await chain.end(auctionId);
  await sales.engine.index();
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  // The indexer's transaction, which holds the auction's row while it writes.
  const indexing = db.transaction(async (tx) => {
    await tx.query("SELECT FROM auctions WHERE auction_id = $1 FOR UPDATE", [String(auctionId)]);
    locked.resolve();
    await held.promise;
    await tx.query("UPDATE auctions SET winner = $2 WHERE auction_id = $1", [
      String(auctionId),
      sales.carol.toLowerCase(),
    ]);
  });
  await locked.promise;
  const arranged = sales.arranging.arrangeMeeting(
    sales.ref(auctionId),
    await sales.sale(sales.bob),
  );
  let isDone = false;
  void arranged.finally(() => (isDone = true));
  while (!isDone) {
    const [waiting] = await db.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if ((waiting?.count ?? 0) > 0) break;
  }
  held.resolve();
  await indexing;
  expect(await arranged).toBe("chain-changed");
  expect(await db.query("SELECT FROM meetings WHERE auction_id = $1", [String(auctionId)])).toEqual(
    [],
  );
});
