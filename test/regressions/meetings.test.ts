// Meetings that once came out wrongly, and people who were once told or let in wrongly.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { loadAuction, saveAuctions } from "../../src/chain/indexing/auctions.ts";
import { applyEvent } from "../../src/chain/indexing/projection.ts";
import { noteOccupant } from "../../src/db/attendance.ts";
import { recordOverrule } from "../../src/db/overrules.ts";
import { wayIn } from "../jitsi/people.ts";
import { grantedAt, outcomeOf, report, sighting } from "../jitsi/reports.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  FakeGate,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { testLogger } from "../support/logs.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world?.close());

describe("former-owner", () => {
  const NOBODY = `0x${"0".repeat(40)}`;
  /** Projects events of the auction, as the indexer does. */
  async function project(
    auctionId: string,
    ...events: [string, Record<string, string>][]
  ): Promise<void> {
    let state = await loadAuction(api.db, CHAIN_ID, AUCTION_CONTRACT, auctionId);
    for (const [name, args] of events)
      state = applyEvent(CHAIN_ID, AUCTION_CONTRACT, state, {
        name,
        args,
        auctionId,
        blockNumber: 9,
        blockHash: "0x0",
        blockTimestampS: 1_700_000_000,
        transactionHash: "0x0",
        logIndex: 0,
        address: NOBODY,
      });
    if (state !== undefined) await saveAuctions(api.db, [state]);
  }
  const transfer = (from: string, to: string): [string, Record<string, string>] => [
    "Transfer",
    { from: from.toLowerCase(), to: to.toLowerCase() },
  ];

  test("who handed the pass on does not get the meeting back when its new owner burns it", async () => {
    const [host, winner, buyer] = [await api.person(), await api.person(), await api.person()];
    const { auctionId } = await seedSold(api, host, winner);
    const see = async (token: string) =>
      (await api.request(`/api/meetings/auction/${auctionId}`, { token })).status;
    await project(
      auctionId,
      transfer(NOBODY, winner.wallet.address),
      transfer(winner.wallet.address, buyer.wallet.address),
    ); // the pass is sold on
    expect(await see(winner.token)).toBe(404);
    await project(auctionId, transfer(buyer.wallet.address, NOBODY)); // the buyer burns it: burnForMeeting
    expect({ winner: await see(winner.token), buyer: await see(buyer.token) }).toEqual({
      winner: 404,
      buyer: 200,
    });
  });

  test("who held the pass at the end, and is credited the refund, is told of it", async () => {
    const [host, winner, buyer] = [await api.person(), await api.person(), await api.person()];
    const { auctionId, meetingId } = await seedSold(api, host, winner, { state: "closing" });
    // Settled by HOST_ABSENT: the pass is burned, the contract credits its holder, the buyer.
    await project(
      auctionId,
      transfer(NOBODY, winner.wallet.address),
      transfer(winner.wallet.address, buyer.wallet.address),
      transfer(buyer.wallet.address, NOBODY),
      ["MeetingSettled", { outcome: "2", hostWei: "0", refundWei: "5000" }],
    );
    const { announceSettlement } = createMeetingActivities({
      db: api.db,
      rooms: {} as never,
      logger: testLogger(),
    });
    await announceSettlement(meetingId);
    const inbox = async (token: string) =>
      (await api.request("/api/notifications", { token })).body.data.map(
        (one: { type: string }) => one.type,
      );
    expect({ buyer: await inbox(buyer.token), winner: await inbox(winner.token) }).toEqual({
      buyer: ["meeting-refunded"],
      winner: [],
    });
  });
});

describe("pass-after-the-meeting", () => {
  test("a winner whose pass was minted only after the meeting's end does not pay for staying away", async () => {
    const [host, winner] = [await api.person(), await api.person()];
    const endsAt = new Date(Date.now() - 600_000);
    const { meetingId, auctionId } = await seedSold(api, host, winner, {
      startsAt: new Date(endsAt.getTime() - 1_800_000),
      endsAt,
    });
    // The sender was down (no funds, say) over the whole meeting: the pass came after it.
    await api.db.query("UPDATE auctions SET steps = steps || $2::jsonb WHERE auction_id = $1", [
      auctionId,
      JSON.stringify({
        minted: { transactionHash: "0x0", blockNumber: 9, at: new Date().toISOString() },
      }),
    ]);
    await noteOccupant(api.db, {
      meetingId,
      occupantId: "h",
      role: "host",
      roomName: "room",
      sessionId: null,
      joinedAt: new Date(endsAt.getTime() - 900_000),
      leftAt: null,
    });
    const { closeMeeting } = createMeetingActivities({
      db: api.db,
      rooms: { endRoom: async () => ({ ended: true, alreadyGone: false }) } as never,
      logger: testLogger(),
    });
    const outcome = await closeMeeting(
      { chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId, meetingId } as never,
      null,
    );
    expect(outcome).not.toBe(3); // 3: the winner never came, the host is paid
  });

  test.each([
    ["in its last second: the required time was not left", 1, 2],
    ["a minute and a bit before its end: it was", 62, 3],
  ])("a pass minted %s", async (_name, beforeEndS, expected) => {
    const [host, winner] = [await api.person(), await api.person()];
    const startsAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000);
    const sold = await seedSold(api, host, winner, { startsAt });
    const hosting = await wayIn(api, sold.meetingId, host);
    await grantedAt(api, sold.meetingId, startsAt);
    await report(api, sighting("joined", hosting, "aaaaaaaa-1@g/x", startsAt.getTime() / 1_000));
    const endsAt = new Date(Date.now() - 1_000);
    const at = new Date(endsAt.getTime() - beforeEndS * 1_000).toISOString();
    await world.db.query("UPDATE auctions SET steps = steps || $2::jsonb WHERE auction_id = $1", [
      sold.auctionId,
      JSON.stringify({ minted: { transactionHash: "0x0", blockNumber: 6, at } }),
    ]);
    await world.db.query("UPDATE meetings SET ends_at = $2 WHERE id = $1", [
      sold.meetingId,
      endsAt,
    ]);
    expect(await outcomeOf(api, sold)).toBe(expected);
  });
});

describe("grant-after-close", () => {
  test("nobody is let in when the meeting is closed while the Lit nodes think", async () => {
    const gate = new FakeGate();
    const slow: TestApi = await world.start({ gate });
    const [host, winner] = [await slow.person(), await slow.person()];
    const { meetingId } = await seedSold(slow, host, winner);
    const prove = gate.prove.bind(gate);
    gate.prove = async (input) => {
      // Lit takes seconds; meanwhile the host closes.
      await world.db.query("UPDATE meetings SET state = 'closed' WHERE id = $1", [meetingId]);
      return prove(input);
    };
    const asked = await slow.request(`/api/meetings/${meetingId}/challenge`, {
      method: "POST",
      token: winner.token,
    });
    const signature = await winner.wallet.signMessage(asked.body.message);
    const answer = await slow.request(`/api/meetings/access/${meetingId}`, {
      token: winner.token,
      json: { challenge: asked.body.challenge, signature },
    });
    // grantAccess: "The challenge, the time and the meeting's being open are judged by the statement itself."
    expect(answer.status).toBe(403);
  });
});

describe("closed-before-start", () => {
  test("a host cannot close, and be paid for, a meeting that has not even begun", async () => {
    const [host, winner] = [await api.person(), await api.person()];
    // The room opens ten minutes ahead; it is nine minutes to the start.
    const startsAt = new Date(Date.now() + 9 * 60_000);
    const { meetingId } = await seedSold(api, host, winner, {
      startsAt,
      endsAt: new Date(startsAt.getTime() + 3_600_000),
    });
    for (const role of ["host", "winner"] as const)
      await noteOccupant(api.db, {
        meetingId,
        occupantId: role,
        role,
        roomName: "room",
        sessionId: null,
        joinedAt: new Date(),
        leftAt: new Date(),
      });
    const { checkEarlyClose } = createMeetingActivities({
      db: api.db,
      rooms: {} as never,
      logger: testLogger(),
    });
    await expect(checkEarlyClose(meetingId)).rejects.toMatchObject({ kind: "refuse" });
  });
});

// An operator names a decision (`temporal workflow update execute --update-id`); names are unique within one process only.
describe("overrules-of-two-meetings", () => {
  test("decisions about two meetings under one name are two, and each repeated is one", async () => {
    const [host, winner] = [await api.person(), await api.person()];
    const sold = [await seedSold(api, host, winner), await seedSold(api, host, winner)];
    const command = { by: "ops:alice", outcome: 1 as const, reason: "Jitsi was down that morning" };
    for (const { meetingId } of [...sold, ...sold])
      await world.db.transaction((tx) => recordOverrule(tx, meetingId, "TICKET-17", command));
    const kept = await world.db.query(
      "SELECT meeting_id AS id FROM meeting_overrules ORDER BY place",
    );
    expect(kept).toEqual(sold.map(({ meetingId: id }) => ({ id })));
  });
});
