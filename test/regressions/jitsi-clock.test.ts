// Jitsi's clock may be hours ahead, and its whole seconds are coarse.
import { staysFrom } from "../../src/domain/stays.ts";
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

test.each([
  ["ahead", 7_200],
  ["behind", -7_200],
])(
  "whoever was reported to have come has come between the grant and the report: Jitsi's clock is hours %s",
  async (_name, offS) => {
    const [host, winner] = [await api.person(), await api.person()];
    const sold = await seedSold(api, host, winner, { startsAt: new Date(Date.now() - 3_600_000) });
    const ways = [await wayIn(api, sold.meetingId, host), await wayIn(api, sold.meetingId, winner)];
    const atS = Math.floor(Date.now() / 1_000) + offS;
    for (const [place, way] of ways.entries())
      await report(api, sighting("joined", way, `aaaaaaa${place}-1@g/x`, atS));
    // As if that had been half an hour ago.
    await grantedAt(api, sold.meetingId, new Date(Date.now() - 1_800_000));
    await world.db.query(
      "UPDATE meeting_occupancy SET at = at - interval '30 min', received_at = received_at - interval '30 min' WHERE meeting_id = $1",
      [sold.meetingId],
    );
    expect(await outcomeOf(api, sold)).toBe(1);
  },
);

describe("within one of Jitsi's seconds", () => {
  const who = { role: "host", roomName: "r", breakout: "", occupantId: "o" } as const;
  const unknown = { sessionId: null, receivedAtMs: null, grantedAtMs: null, withdrawnAtMs: null };
  const seen = (kind: "joined" | "left", atS: number) => ({
    ...who,
    ...unknown,
    kind,
    atMs: atS * 1_000,
  });
  const ends = [{ roomName: "r", atMs: 100_000, receivedAtMs: 101_000 }];
  const there = (...own: ReturnType<typeof seen>[]) =>
    staysFrom(own, ends, []).some((one) => one.isThere);

  test("who reloads the page, and was alone in the room, is there afterwards", () => {
    // Left and destroyed at 100.2, come anew at 100.9.
    expect(there(seen("joined", 100))).toBe(true);
    expect(there(seen("joined", 50), seen("left", 100), seen("joined", 100))).toBe(true);
    expect(there(seen("joined", 50), seen("joined", 100))).toBe(true);
  });

  test("who comes and goes is not", () => {
    expect(there(seen("left", 100), seen("joined", 100))).toBe(false);
    expect(there(seen("joined", 50), seen("left", 200), seen("joined", 200))).toBe(false);
  });
});
