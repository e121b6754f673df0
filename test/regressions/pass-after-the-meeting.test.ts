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
