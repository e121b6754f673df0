import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { noteOccupant } from "../../src/db/attendance.ts";
import { testLogger } from "../support/logs.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { wayIn } from "../jitsi/people.ts";
import { grantedAt, outcomeOf, report, sighting } from "../jitsi/reports.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

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
  await world.db.query("UPDATE meetings SET ends_at = $2 WHERE id = $1", [sold.meetingId, endsAt]);
  expect(await outcomeOf(api, sold)).toBe(expected);
});
