// What the room holds to: one connection of a session, and none once the meeting is closed.
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  JITSI_SECRET,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";
import { inRoom, join, systemKey, wayIn } from "../jitsi/people.ts";
import { meetingSteps } from "../jitsi/reports.ts";

const key = systemKey();
let world: TestWorld;
let jitsi: JitsiSandbox;
let api: TestApi;
let rooms: ReturnType<typeof createRoomTokens>;
beforeAll(async () => {
  world = await createTestWorld();
  jitsi = await startJitsiSandbox({
    adminKeys: key.keys,
    integrationSecret: JITSI_SECRET,
    refusalMemoryMs: 0,
  });
  const { config } = jitsi;
  rooms = createRoomTokens({ ...config, adminSecret: key.privatePem, adminKid: key.kid });
  api = await world.start({ jitsi: rooms });
  jitsi.setApiUrl(api.url);
});
afterAll(async () => {
  await jitsi.stop();
  await world.close();
});

test("a link that is given on lets one in, not two: the newer connection replaces the older", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const { meetingId } = await seedSold(api, host, winner);
  const one = await wayIn(api, meetingId, winner);
  await join(jitsi, one);
  await jitsi.flush();
  const second = await join(jitsi, one);
  await jitsi.flush();
  expect(await inRoom(jitsi, one.room)).toHaveLength(1);
  const rest = await world.db.query<{ occupantId: string }>(
    `SELECT occupant_id AS "occupantId" FROM meeting_attendance WHERE meeting_id = $1 AND left_at IS NULL`,
    [meetingId],
  );
  expect(rest).toEqual([{ occupantId: second.body["occupantId"] }]);
});

test("whoever reloads the page in the moment of the close does not keep the room", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const { auctionId, meetingId } = await seedSold(api, host, winner);
  const one = await wayIn(api, meetingId, winner);
  await join(jitsi, one);
  const endRoom: typeof rooms.endRoom = async (room) => {
    const result = await rooms.endRoom(room);
    await join(jitsi, one);
    return result;
  };
  const { closeMeeting, endRooms } = meetingSteps(api, { rooms: { ...rooms, endRoom } });
  const input = { chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId, meetingId };
  await closeMeeting(input as never, host.wallet.address.toLowerCase());
  await endRooms(meetingId);
  await jitsi.flush();
  expect(await inRoom(jitsi, one.room)).toBeUndefined();
});
