import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { applyEvent } from "../../src/chain/indexing/projection.ts";
import { loadAuction, saveAuctions } from "../../src/chain/indexing/auctions.ts";
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
