// One XMPP connection (event_sync's occupant_jid) may leave a room and come back to it.
import { attendanceOf, overstayingOccupants } from "../../src/db/attendance.ts";
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

const JIDS = { host: "aaaaaaaa-1@guest/x", winner: "bbbbbbbb-1@guest/x" } as const;

/** A meeting that began an hour ago; times are seconds after its start. */
async function meeting() {
  const [host, winner] = [await api.person(), await api.person()];
  const startsAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000);
  const sold = await seedSold(api, host, winner, { startsAt });
  const ways = {
    host: await wayIn(api, sold.meetingId, host),
    winner: await wayIn(api, sold.meetingId, winner),
  };
  await grantedAt(api, sold.meetingId, startsAt);
  const startsAtMs = startsAt.getTime();
  const tell = (kind: "joined" | "left", who: "host" | "winner", atS: number) =>
    report(api, sighting(kind, ways[who], JIDS[who], startsAtMs / 1_000 + atS));
  const span = { startsAtMs, endsAtMs: startsAtMs + 3_600_000 };
  return { ...sold, tell, winner, attendance: () => attendanceOf(world.db, sold.meetingId, span) };
}

test("looking in at the start and at the end is not having been there in between", async () => {
  const one = await meeting();
  await one.tell("joined", "host", 0);
  await one.tell("left", "host", 5);
  await one.tell("joined", "winner", 60);
  await one.tell("left", "winner", 3_500);
  await one.tell("joined", "host", 3_590);
  await one.tell("left", "host", 3_595);
  expect(await one.attendance()).toMatchObject({ hostMs: 10_000, togetherMs: 0 });
  expect(await outcomeOf(api, one)).toBe(2);
});

test("a host who came back, and is still there, was not absent", async () => {
  const one = await meeting();
  await one.tell("joined", "winner", 0);
  await one.tell("joined", "host", 0);
  await one.tell("left", "host", 20);
  await one.tell("joined", "host", 25);
  expect(await outcomeOf(api, one)).toBe(1);
});

test("a replaced session that leaves and comes back on its connection is still to be sent out", async () => {
  const one = await meeting();
  await one.tell("joined", "winner", 0);
  await one.tell("left", "winner", 5);
  await wayIn(api, one.meetingId, one.winner);
  await one.tell("joined", "winner", 30);
  expect(await overstayingOccupants(world.db, one.meetingId)).toEqual([JIDS.winner]);
});

test("what the version before noted counts beside what is noted now", async () => {
  const one = await meeting();
  await one.tell("joined", "host", 0);
  await world.db.query(
    `INSERT INTO meeting_attendance (meeting_id, occupant_id, role, joined_at, left_at, session_id, room_name)
     SELECT id, 'old', 'winner', starts_at + interval '100 s', starts_at + interval '200 s', NULL, room_name FROM meetings WHERE id = $1`,
    [one.meetingId],
  );
  expect(await one.attendance()).toMatchObject({ winnerMs: 100_000, togetherMs: 100_000 });
});
