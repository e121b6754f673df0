// What Jitsi's servers ask and report.
import {
  createTestWorld,
  JITSI_SECRET,
  type Person,
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

describe("Jitsi", () => {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const reserve = (name: string) =>
    api.request("/conference", {
      token: JITSI_SECRET,
      headers: form,
      raw: new URLSearchParams({
        name,
        start_time: new Date().toISOString(),
        mail_owner: "x@guest.example",
      }).toString(),
    });
  let host: Person;
  let winner: Person;
  let stranger: Person;

  beforeAll(async () => {
    [host, winner, stranger] = [await api.person(), await api.person(), await api.person()];
  });

  test("may open the room of a meeting in its time, whatever the case of the name, until the latest end there can be", async () => {
    const { meetingId, roomName } = await seedSold(api, host, winner);
    const { status, body } = await reserve(roomName.toUpperCase());
    expect([status, body.id, body.name]).toEqual([200, meetingId, roomName.toUpperCase()]);
    const [meeting] = await world.db.query<{ latest: Date }>(
      "SELECT latest_ends_at AS latest FROM meetings WHERE id = $1",
      [meetingId],
    );
    expect(
      Math.abs(Date.parse(body.start_time) + body.duration * 1_000 - Number(meeting?.latest)),
    ).toBeLessThanOrEqual(1_000);
    expect((await api.request(`/conference/${meetingId}`, { token: JITSI_SECRET })).body.id).toBe(
      meetingId,
    );
    expect(
      (await api.request(`/conference/${meetingId}`, { method: "DELETE", token: JITSI_SECRET }))
        .status,
    ).toBe(204);
    expect((await reserve(roomName)).status).toBe(200);
  });

  test("is refused with a message for people before the opening time, after the end, and for any other room", async () => {
    const early = await seedSold(api, host, winner, {
      state: "scheduled",
      startsAt: new Date(Date.now() + 3_600_000),
      endsAt: new Date(Date.now() + 7_200_000),
    });
    const late = await seedSold(api, host, winner, { state: "closed" });
    for (const [room, code] of [
      [early.roomName, "meeting_not_open"],
      [late.roomName, "meeting_over"],
      ["some-other-room", "room_unknown"],
    ] as const) {
      expect(await reserve(room)).toMatchObject({
        status: 403,
        body: { code, message: expect.any(String) },
      });
    }
  });

  const report = (
    kind: "joined" | "left",
    room: string,
    occupant: string,
    id: string | undefined,
    atS: number,
    path = "",
  ) =>
    api.request(`/api/integrations/jitsi/events${path}`, {
      token: JITSI_SECRET,
      json: {
        event_name: `muc-occupant-${kind}`,
        room_name: room,
        room_jid: `${room}@conference.x`,
        is_breakout: false,
        occupant: {
          occupant_jid: occupant,
          [`${kind}_at`]: atS,
          ...(id === undefined ? {} : { id }),
        },
      },
    });

  test("tells who came and went; repeats and the wrong order change nothing", async () => {
    const { meetingId, roomName } = await seedSold(api, host, winner);
    expect((await report("left", roomName, "occ-w", winner.account.id, 2_000)).body).toEqual({
      recorded: true,
    });
    await report("joined", roomName, "occ-w", winner.account.id, 1_000);
    await report("joined", roomName, "occ-w", winner.account.id, 1_500);
    await report("left", roomName, "occ-w", winner.account.id, 1_900);
    await report("joined", roomName, "occ-h", host.account.id, 1_200, "/occupant/joined");
    await report("joined", roomName, "occ-x", undefined, 1_300);
    await report("joined", roomName, "occ-y", stranger.account.id, 1_400);
    const rows = await world.db.query<{
      occupant: string;
      role: string | null;
      joined: Date | null;
      left: Date | null;
    }>(
      `SELECT occupant_id AS occupant, role, joined_at AS joined, left_at AS left FROM meeting_attendance WHERE meeting_id = $1 ORDER BY occupant_id`,
      [meetingId],
    );
    expect(
      rows.map((row) => [
        row.occupant,
        row.role,
        row.joined === null ? null : row.joined.getTime() / 1_000,
        row.left === null ? null : row.left.getTime() / 1_000,
      ]),
    ).toEqual([
      ["occ-h", "host", 1_200, null],
      ["occ-w", "winner", 1_000, 2_000],
      ["occ-x", null, 1_300, null],
      ["occ-y", null, 1_400, null],
    ]);
    expect((await report("joined", "not-ours", "occ", winner.account.id, 1)).body).toEqual({
      recorded: false,
    });
    expect(
      (
        await api.request("/api/integrations/jitsi/events", {
          token: JITSI_SECRET,
          json: { event_name: "muc-occupant-joined" },
        })
      ).status,
    ).toBe(400);
  });
});
