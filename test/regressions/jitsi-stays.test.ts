// How long people were in the room, which was once counted wrongly.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { attendanceOf, noteOccupant, overstayingOccupants } from "../../src/db/attendance.ts";
import { moveRoom } from "../../src/db/sessions.ts";
import { createRoomName } from "../../src/jitsi/index.ts";
import { wayIn } from "../jitsi/people.ts";
import { grantedAt, outcomeOf, report, sighting } from "../jitsi/reports.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world?.close());

// One XMPP connection (event_sync's occupant_jid) may leave a room and come back to it.
describe("stays-of-one-connection", () => {
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
    return {
      ...sold,
      tell,
      winner,
      attendance: () => attendanceOf(world.db, sold.meetingId, span),
    };
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
});

// The pass is sold on and the meeting moves to another room: whoever stays behind in the old one meets nobody.
describe("together-in-one-room", () => {
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
    return {
      ...sold,
      buyer,
      hosting,
      older,
      move,
      to,
      startsAt,
      startS: startsAt.getTime() / 1_000,
    };
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
});

// Whoever comes and goes all the time can neither stop a meeting from being counted nor fill the database.
describe("many-comings", () => {
  test("4,000 stays of each are counted in a small heap", async () => {
    const module = new URL("../../src/domain/attendance.ts", import.meta.url).href;
    const script = `import { attendanceFrom } from ${JSON.stringify(module)};
    const of = (role, shift) => Array.from({ length: 4000 }, (_, i) => ({ role, room: "r", fromMs: i * 2000 + shift, untilMs: i * 2000 + shift + 1000 }));
    console.log(attendanceFrom([...of("host", 0), ...of("winner", 500)], { startsAtMs: 0, endsAtMs: 8000000 }, "occupancy").togetherMs);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--max-old-space-size=256", "--input-type=module", "-e", script],
      { env: { PATH: process.env["PATH"] } },
    );
    expect(stdout.trim()).toBe("2000000");
  });

  test("after 5,000 comings no more are kept, but the going of the last one is", async () => {
    const startsAt = new Date(Date.now() - 3_600_000);
    const [host, winner] = [await api.person(), await api.person()];
    const { meetingId, roomName } = await seedSold(api, host, winner, { startsAt });
    await world.db.query(
      `INSERT INTO meeting_occupancy (meeting_id, room_name, occupant_id, kind, at, role)
       SELECT $1, $2, 'flapping', kind, $3::timestamptz + make_interval(secs => at / 10.0), 'winner'
       FROM generate_series(1, 4999) at, (VALUES ('joined'), ('left')) kinds (kind)`,
      [meetingId, roomName, startsAt],
    );
    const note = (kind: "joinedAt" | "leftAt", occupantId: string, atS: number) =>
      noteOccupant(world.db, {
        meetingId,
        roomName,
        occupantId,
        sessionId: null,
        role: "winner",
        joinedAt: null,
        leftAt: null,
        [kind]: new Date(startsAt.getTime() + atS * 1_000),
      });
    await note("joinedAt", "last kept", 600);
    await note("joinedAt", "too many", 700);
    await note("leftAt", "too many", 800);
    await note("leftAt", "last kept", 900);
    const span = { startsAtMs: startsAt.getTime(), endsAtMs: Date.now() };
    expect((await attendanceOf(world.db, meetingId, span)).winnerMs).toBe(300_000);
  });
});

// During a rolling upgrade one node grants as the version before did (in the log alone), the other opens sessions.
describe("grants-of-two-versions", () => {
  test("a grant of the version before counts beside one of this version, and in the same room", async () => {
    const [host, winner] = [await api.person(), await api.person()];
    const startsAt = new Date(Date.now() - 3_600_000);
    const { meetingId } = await seedSold(api, host, winner, { startsAt });
    await world.db.query(
      `INSERT INTO meeting_access_logs (meeting_id, user_id, wallet, role, granted, reason, checked, created_at) VALUES ($1, $2, $3, 'host', true, 'granted', '{}', $4)`,
      [meetingId, host.account.id, host.wallet.address.toLowerCase(), startsAt],
    );
    await wayIn(api, meetingId, winner);
    const span = { startsAtMs: startsAt.getTime(), endsAtMs: Date.now() + 60_000 };
    const { hostMs, togetherMs } = await attendanceOf(world.db, meetingId, span);
    expect(hostMs).toBe(span.endsAtMs - span.startsAtMs);
    expect(togetherMs).toBeGreaterThan(0);
  });
});
