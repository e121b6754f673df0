import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createAuctionActivities } from "../../src/activities/auction.ts";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { findMeetingOfAuction, meetingsOf } from "../../src/db/access.ts";
import {
  auctionWorkflowId,
  meetingWorkflowId,
  type MeetingInput,
} from "../../src/domain/process.ts";
import { testLogger } from "../support/logs.ts";
import { Engine } from "./support.ts";

let engine: Engine;
let arranging: ReturnType<typeof createAuctionActivities>;
let holding: ReturnType<typeof createMeetingActivities>;
const ended: string[] = [];
beforeAll(async () => {
  engine = await Engine.start();
  const { db } = engine;
  arranging = createAuctionActivities({
    db,
    opensBeforeS: 300,
    reminderBeforeS: 3_600,
    maxExtensionMinutes: 60,
  });
  holding = createMeetingActivities({
    db,
    logger: testLogger(),
    rooms: {
      signRoomToken: () => "nobody enters here",
      roomUrl: () => "nobody enters here",
      endRoom: async (room) => {
        ended.push(room);
        return { ended: true, alreadyGone: false };
      },
    },
  });
  for (const address of [engine.chain.host, bob(), carol()].map((one) => one.toLowerCase())) {
    const [user] = await db.query<{ id: string }>(
      "INSERT INTO users (auth_type, identifier) VALUES ('test', $1) RETURNING id",
      [address],
    );
    await db.query("INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, 'para')", [
      address,
      user?.id,
    ]);
  }
});
afterAll(() => engine.stop());

const bob = (): string => engine.chain.person(0);
const carol = (): string => engine.chain.person(1);
const ref = (auctionId: bigint) => ({
  chainId: engine.chainId,
  contract: engine.contract,
  auctionId: String(auctionId),
});
const sale = async (winner: string) => ({
  winner: winner.toLowerCase(),
  amountWei: "5000",
  blockNumber: await engine.blockNumber(),
});

interface Sold {
  readonly auctionId: bigint;
  readonly meeting: MeetingInput;
}

/** An auction that Bob has won, with its meeting; the end is the newest block and his bid the one before. */
async function soldToBob(): Promise<Sold> {
  const { chain } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, bob(), 5_000n);
  await chain.end(auctionId);
  await engine.index();
  const meeting = await arranging.arrangeMeeting(ref(auctionId), await sale(bob()));
  if (meeting === "chain-changed") throw new Error("there is a sale");
  return { auctionId, meeting };
}

async function reorg(depth: number): Promise<void> {
  await engine.reorg(depth);
  engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
  await engine.index();
}

const stateOf = async (meetingId: string): Promise<unknown> =>
  (
    await engine.db.query<{ state: string }>("SELECT state FROM meetings WHERE id = $1", [
      meetingId,
    ])
  )[0]?.state;

/** What was said to a process since the message `after`. */
async function messages(workflowId: string, after = 0): Promise<unknown[]> {
  const rows = await engine.db.query<{
    kind: string;
    again: boolean;
    payload: { signal?: string; args?: unknown[] };
  }>("SELECT kind, again, payload FROM outbox WHERE workflow_id = $1 AND id > $2 ORDER BY id", [
    workflowId,
    after,
  ]);
  return rows.map((row) =>
    row.kind === "signal"
      ? { [row.payload.signal ?? ""]: row.payload.args?.[0] }
      : { start: row.again },
  );
}

const lastMessage = async (): Promise<number> =>
  (await engine.db.query<{ id: number }>("SELECT coalesce(max(id), 0)::int AS id FROM outbox"))[0]
    ?.id ?? 0;

/** Withdrawn in every respect: row, process, people. */
async function expectWithdrawn({ auctionId, meeting }: Sold): Promise<void> {
  expect(await stateOf(meeting.meetingId)).toBe("withdrawn");
  expect(await messages(meetingWorkflowId(meeting.meetingId))).toEqual([
    { withdrawn: { blockNumber: expect.any(Number) } },
  ]);
  const told = await engine.db.query<{ address: string }>(
    `SELECT w.address FROM notifications n JOIN wallets w USING (user_id) WHERE type = 'meeting-withdrawn' AND data->>'meetingId' = $1 ORDER BY n.id`,
    [meeting.meetingId],
  );
  expect(told.map((row) => row.address).toSorted()).toEqual(
    [engine.chain.host, bob()].map((one) => one.toLowerCase()).toSorted(),
  );
  const reverted = await engine.db.query(
    "SELECT audience FROM events WHERE type = 'auction-reverted' AND data->>'meetingId' = $1",
    [meeting.meetingId],
  );
  expect(reverted).toEqual([
    {
      audience: [
        `auction:${auctionId}`,
        "public",
        `wallet:${engine.chain.host.toLowerCase()}`,
        `wallet:${bob().toLowerCase()}`,
      ],
    },
  ]);
}

test("an end that comes back with the same winner leaves the meeting as it is", async () => {
  const { chain } = engine;
  const sold = await soldToBob();
  await reorg(1);
  const after = await lastMessage();
  expect(await stateOf(sold.meeting.meetingId)).toBe("scheduled");
  await chain.end(sold.auctionId);
  await engine.index();
  expect(await stateOf(sold.meeting.meetingId)).toBe("scheduled");
  expect(await messages(meetingWorkflowId(sold.meeting.meetingId))).toEqual([]);
  expect(await messages(auctionWorkflowId(ref(sold.auctionId)), after)).toEqual([]);
  expect(await arranging.arrangeMeeting(ref(sold.auctionId), await sale(bob()))).toEqual({
    ...sold.meeting,
    endsAtMs: expect.any(Number),
  });
});

test("an end that is taken back has the auction's process run again and forget it", async () => {
  const sold = await soldToBob();
  const after = await lastMessage();
  await reorg(1);
  expect(await messages(auctionWorkflowId(ref(sold.auctionId)), after)).toEqual([
    { start: true },
    { reverted: expect.objectContaining({ cancelled: false, undone: ["end"] }) },
  ]);
  // Nothing is made of a sale that the indexer knows to be gone, and nothing is waited for.
  expect(
    await arranging.arrangeMeeting(ref(sold.auctionId), {
      winner: bob().toLowerCase(),
      amountWei: "5000",
      blockNumber: 1,
    }),
  ).toBe("chain-changed");
  expect(await arranging.announceUnsold(ref(sold.auctionId), 1)).toBe("chain-changed");
  expect(await arranging.announceCancelled(ref(sold.auctionId), 1)).toBe("chain-changed");
  // What the sender has seen beyond the indexer is waited for.
  await expect(
    arranging.arrangeMeeting(ref(sold.auctionId), {
      winner: bob().toLowerCase(),
      amountWei: "5000",
      blockNumber: 10_000,
    }),
  ).rejects.toMatchObject({ kind: "retry", code: "projection_behind" });
});

test("another winner: the meeting is withdrawn, and the new sale gets a meeting and a room of its own", async () => {
  const { chain, db } = engine;
  const sold = await soldToBob();
  await reorg(2);
  const after = await lastMessage();
  await chain.bid(sold.auctionId, carol(), 7_000n);
  await chain.end(sold.auctionId);
  await engine.index();
  await expectWithdrawn(sold);
  expect(await messages(auctionWorkflowId(ref(sold.auctionId)), after)).toEqual([
    { start: true },
    { reverted: expect.objectContaining({ cancelled: false, undone: ["end", "mint"] }) },
  ]);

  expect(await arranging.arrangeMeeting(ref(sold.auctionId), await sale(bob()))).toBe(
    "chain-changed",
  );
  const again = await arranging.arrangeMeeting(ref(sold.auctionId), await sale(carol()));
  if (again === "chain-changed") throw new Error("Carol has won");
  expect(again.meetingId).not.toBe(sold.meeting.meetingId);
  expect(again).toMatchObject({ winner: carol().toLowerCase(), host: chain.host.toLowerCase() });
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
  expect(await findMeetingOfAuction(db, engine, String(sold.auctionId))).toMatchObject({
    id: again.meetingId,
  });
  const seenBy = async (wallet: string): Promise<unknown[]> =>
    (await meetingsOf(db, { wallets: [wallet.toLowerCase()], before: undefined, limit: 20 }))
      .filter((row) => row.auctionId === String(sold.auctionId))
      .map((row) => row.id);
  await chain.send(chain.operator, "mintPasses", [[sold.auctionId]]);
  await engine.index();
  expect(await seenBy(carol())).toEqual([again.meetingId]);
  expect(await seenBy(bob())).toEqual([sold.meeting.meetingId]);
  expect(await seenBy(chain.host)).toHaveLength(2);
});

test("no bid any more: the meeting is withdrawn", async () => {
  const sold = await soldToBob();
  await reorg(2);
  await engine.chain.end(sold.auctionId);
  await engine.index();
  await expectWithdrawn(sold);
  expect(
    await arranging.announceUnsold(ref(sold.auctionId), await engine.blockNumber()),
  ).toBeUndefined();
});

test("cancelled: the meeting is withdrawn", async () => {
  const { chain } = engine;
  const sold = await soldToBob();
  await reorg(2);
  await chain.send(chain.host, "cancel", [sold.auctionId]);
  await engine.index();
  await expectWithdrawn(sold);
});

test("another auction under the same id: the meeting is withdrawn at its creation", async () => {
  const sold = await soldToBob();
  await reorg(3);
  const after = await lastMessage();
  expect(await engine.chain.create()).toBe(sold.auctionId);
  await engine.index();
  await expectWithdrawn(sold);
  expect((await messages(auctionWorkflowId(ref(sold.auctionId)), after)).slice(0, 2)).toEqual([
    { start: true },
    { reverted: expect.objectContaining({ undone: ["end", "mint"] }) },
  ]);
});

test("the same auction created anew and sold to the same person keeps its meeting", async () => {
  const { chain } = engine;
  const params = chain.params();
  await chain.send(chain.host, "createAuction", [params]);
  const auctionId = BigInt(String(await chain.read("auctionCount")));
  await chain.bid(auctionId, bob(), 5_000n);
  await chain.end(auctionId);
  await engine.index();
  const meeting = await arranging.arrangeMeeting(ref(auctionId), await sale(bob()));
  if (meeting === "chain-changed") throw new Error("there is a sale");
  await reorg(3);
  await chain.send(chain.host, "createAuction", [
    { ...params, endTime: chain.nowS + 50, meetingStart: chain.nowS + 100 },
  ]);
  await chain.bid(auctionId, bob(), 5_000n);
  await chain.end(auctionId);
  await engine.index();
  expect(await stateOf(meeting.meetingId)).toBe("scheduled");
});

test("an auction that is gone with its creation: the meeting is withdrawn when it can no longer be expected back", async () => {
  const sold = await soldToBob();
  const createdAt = (await engine.blockNumber()) - 2;
  await reorg(3);
  const index = async (): Promise<void> =>
    void (await engine.index(engine.indexer({ finalityDepth: 5 })));
  while ((await engine.blockNumber()) < createdAt + 4) await engine.mine();
  await index();
  expect(await stateOf(sold.meeting.meetingId)).toBe("scheduled");
  await engine.mine();
  await index();
  await expectWithdrawn(sold);
});

test("a withdrawn meeting is neither opened nor settled, and its room is ended", async () => {
  const { chain, db } = engine;
  const sold = await soldToBob();
  await holding.openMeeting(sold.meeting.meetingId);
  expect(await holding.closeMeeting(sold.meeting, null)).toBe(2);
  const settlement = async (): Promise<unknown[]> =>
    db.query("SELECT state FROM chain_operations WHERE kind = 'settle' AND auction_id = $1", [
      String(sold.auctionId),
    ]);
  expect(await settlement()).toEqual([{ state: "pending" }]);
  await reorg(2);
  await chain.end(sold.auctionId);
  await engine.index();
  await expectWithdrawn(sold);
  // What the old sale was to be settled with must not be what the next one is.
  expect(await settlement()).toEqual([]);
  expect(await holding.remind(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await holding.openMeeting(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await holding.closeMeeting(sold.meeting, null)).toBe("chain-changed");
  expect(await holding.announceSettlement(sold.meeting.meetingId)).toBe("chain-changed");
  expect(await settlement()).toEqual([]);
  ended.length = 0;
  await holding.leaveWithdrawn(sold.meeting.meetingId);
  const [room] = await db.query<{ name: string }>(
    "SELECT room_name AS name FROM meetings WHERE id = $1",
    [sold.meeting.meetingId],
  );
  expect(ended).toEqual([room?.name]);
  expect(await stateOf(sold.meeting.meetingId)).toBe("withdrawn");
});

test("a meeting is not made of a sale while the indexer takes the sale back", async () => {
  const { chain, db } = engine;
  const auctionId = await chain.create();
  await chain.bid(auctionId, bob(), 5_000n);
  await chain.end(auctionId);
  await engine.index();
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  // The indexer's transaction, which holds the auction's row while it writes.
  const indexing = db.transaction(async (tx) => {
    await tx.query("SELECT FROM auctions WHERE auction_id = $1 FOR UPDATE", [String(auctionId)]);
    locked.resolve();
    await held.promise;
    await tx.query("UPDATE auctions SET winner = $2 WHERE auction_id = $1", [
      String(auctionId),
      carol().toLowerCase(),
    ]);
  });
  await locked.promise;
  const arranged = arranging.arrangeMeeting(ref(auctionId), await sale(bob()));
  for (;;) {
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
