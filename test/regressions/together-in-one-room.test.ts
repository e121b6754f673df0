// The pass is sold on and the meeting moves to another room: whoever stays behind in the old one meets nobody.
import { moveRoom } from "../../src/db/sessions.ts";
import { createRoomName } from "../../src/jitsi/index.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";
import { wayIn } from "../jitsi/people.ts";
import { grantedAt, outcomeOf, report, sighting } from "../jitsi/reports.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

/** A meeting that began an hour ago, whose winner got two sessions and sold the pass on ten minutes later. */
async function soldOn() {
  const [host, winner, buyer] = [await api.person(), await api.person(), await api.person()];
  const startsAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000);
  const sold = await seedSold(api, host, winner, { startsAt });
  const hosting = await wayIn(api, sold.meetingId, host);
  const older = await wayIn(api, sold.meetingId, winner);
  await wayIn(api, sold.meetingId, winner);
  await grantedAt(api, sold.meetingId, startsAt);
  const to = buyer.wallet.address.toLowerCase();
  const move = () =>
    world.db.transaction(async (tx) => {
      await tx.query(
        "UPDATE auctions SET pass_owner = $2, last_pass_owner = $2, updated_block = 101 WHERE auction_id = $1",
        [sold.auctionId, to],
      );
      const { meetingId: id, roomName } = sold;
      await moveRoom(tx, { id, roomName }, createRoomName());
      const movedAt = new Date(startsAt.getTime() + 600_000);
      await tx.query(
        "UPDATE meeting_sessions SET ended_at = $2, ended_by = 'pass_moved' WHERE meeting_id = $1 AND role = 'winner' AND ended_at IS NULL",
        [sold.meetingId, movedAt],
      );
      await tx.query("UPDATE meeting_rooms_left SET left_at = $2 WHERE meeting_id = $1", [
        sold.meetingId,
        movedAt,
      ]);
    });
  return { ...sold, buyer, hosting, older, move, to, startsAt, startS: startsAt.getTime() / 1_000 };
}

test("a host who stays in the room that was left did not meet whoever waits in the new one", async () => {
  const one = await soldOn();
  await report(api, sighting("joined", one.hosting, "aaaaaaaa-1@g/x", one.startS + 10));
  await one.move();
  api.reader.passOwners.set(one.auctionId, one.to);
  const bought = await wayIn(api, one.meetingId, one.buyer);
  expect(bought.room).not.toBe(one.hosting.room);
  await grantedAt(api, one.meetingId, one.startsAt);
  await report(api, sighting("joined", bought, "bbbbbbbb-1@g/x", one.startS + 500));
  expect(await outcomeOf(api, one)).toBe(2);
});

test("a replaced session of the former owner does not sit in for the new owner", async () => {
  const one = await soldOn();
  await report(api, sighting("joined", one.hosting, "aaaaaaaa-2@g/x", one.startS + 590));
  await report(api, sighting("joined", one.older, "cccccccc-2@g/x", one.startS + 590));
  await one.move();
  expect(await outcomeOf(api, one)).not.toBe(1);
});
