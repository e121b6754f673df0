// Occupancy as event_sync and JaaS report it, through the API into Postgres: repeated, overtaken, replayed, forged, lost.
import { anyText, fc, runs } from "../support/random.ts";
import { attendanceOf } from "../../src/db/attendance.ts";
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
let host: Person;
let winner: Person;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  [host, winner] = [await api.person(), await api.person()];
});
afterAll(() => world.close());

const report = (body: object, token = JITSI_SECRET) =>
  api.request("/api/integrations/jitsi/events", { token, json: body });

/** Enters as a client does and returns what the room token calls its bearer. */
async function enter(meetingId: string, person: Person): Promise<string> {
  const asked = await api.request(`/api/meetings/${meetingId}/challenge`, {
    method: "POST",
    token: person.token,
  });
  const { body } = await api.request(`/api/meetings/access/${meetingId}`, {
    token: person.token,
    json: {
      challenge: asked.body.challenge,
      signature: await person.wallet.signMessage(asked.body.message),
    },
  });
  const claims = JSON.parse(Buffer.from(body.token.split(".")[1], "base64url").toString());
  return claims.context.user.id;
}

/** A meeting that began an hour ago, with a session of each; times of events are seconds after its start. */
async function meeting() {
  const startsAt = new Date(Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000);
  const endsAt = new Date(startsAt.getTime() + 5_400_000);
  const sold = await seedSold(api, host, winner, { startsAt, endsAt });
  const ids = {
    host: await enter(sold.meetingId, host),
    winner: await enter(sold.meetingId, winner),
  };
  await world.db.query(
    "UPDATE meeting_sessions SET granted_at = granted_at - interval '61 minutes' WHERE meeting_id = $1",
    [sold.meetingId],
  );
  const startS = startsAt.getTime() / 1_000;
  const span = { startsAtMs: startsAt.getTime(), endsAtMs: startsAt.getTime() + 3_600_000 };
  const { roomName: room } = sold;
  return {
    ...sold,
    attendance: () => attendanceOf(world.db, sold.meetingId, span),
    eventSync: (kind: "joined" | "left", who: "host" | "winner", jid: string, atS: number) => ({
      event_name: `muc-occupant-${kind}`,
      room_name: room,
      room_jid: `${room}@conference.meet.example.org`,
      is_breakout: false,
      occupant: { occupant_jid: jid, id: ids[who], [`${kind}_at`]: startS + atS },
    }),
    destroyed: (atS: number, occupants: readonly object[] = []) => ({
      event_name: "muc-room-destroyed",
      room_name: room,
      room_jid: `${room}@conference.meet.example.org`,
      is_breakout: false,
      destroyed_at: startS + atS,
      all_occupants: occupants,
    }),
    jaas: (type: string, who: "host" | "winner", participant: string, atS: number) => ({
      idempotencyKey: `${type}-${participant}-${atS}`,
      customerId: "c",
      appId: "vpaas-magic-cookie-1",
      sessionId: "s",
      eventType: type,
      timestamp: (startS + atS) * 1_000,
      fqn: `vpaas-magic-cookie-1/${room}`,
      data: { id: ids[who], participantId: participant },
    }),
  };
}

type Meeting = Awaited<ReturnType<typeof meeting>>;

const BREAKOUT = { is_breakout: true, breakout_room_id: "b1" };

const STORIES: readonly (readonly [string, (one: Meeting) => object[], object])[] = [
  [
    "event_sync",
    (one) => [
      one.eventSync("joined", "host", "aaaaaaaa-1@guest/x", 10),
      one.eventSync("left", "host", "aaaaaaaa-1@guest/x", 100),
      one.eventSync("joined", "host", "bbbbbbbb-2@guest/x", 200),
      one.eventSync("joined", "winner", "cccccccc-3@guest/x", 50),
      // The same connection leaves for a breakout room and comes back: what was its own stay there is not together.
      one.eventSync("left", "winner", "cccccccc-3@guest/x", 80),
      { ...one.eventSync("joined", "winner", "cccccccc-3@guest/x", 80), ...BREAKOUT },
      { ...one.eventSync("left", "winner", "cccccccc-3@guest/x", 90), ...BREAKOUT },
      one.eventSync("joined", "winner", "cccccccc-3@guest/x", 90),
      one.eventSync("left", "winner", "cccccccc-3@guest/x", 260),
      one.destroyed(300),
    ],
    { hostMs: 190_000, winnerMs: 210_000, togetherMs: 100_000, source: "occupancy" },
  ],
  [
    "JaaS",
    (one) => [
      one.jaas("ROOM_CREATED", "host", "", 0),
      one.jaas("PARTICIPANT_JOINED", "host", "p-host", 10),
      one.jaas("PARTICIPANT_JOINED", "winner", "p-winner", 20),
      one.jaas("PARTICIPANT_LEFT", "winner", "p-winner", 80),
      one.jaas("PARTICIPANT_LEFT", "host", "p-host", 90),
      one.jaas("ROOM_DESTROYED", "host", "", 91),
      one.jaas("RECORDING_STARTED", "host", "", 40),
    ],
    { hostMs: 80_000, winnerMs: 60_000, togetherMs: 60_000, source: "occupancy" },
  ],
];

test.each(STORIES)(
  "events of %s come to the same attendance in any order and however often they come",
  async (_name, story, attendance) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 6 }), { maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        async (again, order) => {
          const one = await meeting();
          const events = story(one);
          const repeated = [...events, ...again.map((at) => events[at % events.length] ?? {})]
            .map((body) => ({ body, place: order.next().value }))
            .toSorted((a, b) => a.place - b.place);
          for (const { body } of repeated) expect((await report(body)).status).toBe(200);
          expect(await one.attendance()).toEqual(attendance);
        },
      ),
      { numRuns: runs(15) },
    );
  },
);

test("events at once come to the same attendance", async () => {
  const one = await meeting();
  const events = STORIES[0]?.[1](one) ?? [];
  await Promise.all([...events, ...events, ...events.toReversed()].map((body) => report(body)));
  expect(await one.attendance()).toEqual(STORIES[0]?.[2]);
});

test("the end of the room makes up for every event that was lost", async () => {
  const one = await meeting();
  const stay = (event: object, leftAtS: number): object => {
    const { occupant } = event as { occupant: { joined_at: number } };
    return { ...occupant, left_at: occupant.joined_at + leftAtS };
  };
  const occupants = [
    stay(one.eventSync("joined", "host", "a@guest/x", 0), 90),
    stay(one.eventSync("joined", "winner", "b@guest/x", 30), 30),
  ];
  await report(one.destroyed(95, occupants));
  expect(await one.attendance()).toEqual({
    hostMs: 90_000,
    winnerMs: 30_000,
    togetherMs: 30_000,
    source: "occupancy",
  });
});

test("without the secret nothing is believed, and nothing of another meeting or by a made-up id", async () => {
  const [one, other] = [await meeting(), await meeting()];
  const forged = one.eventSync("joined", "host", "a@guest/x", 1);
  for (const token of ["", "x".repeat(36), `${JITSI_SECRET}x`, winner.token])
    expect((await report(forged, token)).status).toBe(401);
  // A session of the other meeting opens nothing here, and says nothing here.
  const ofOther = other.eventSync("joined", "host", "a@guest/x", 1);
  await report({ ...ofOther, room_name: one.roomName });
  await report({ ...forged, occupant: { ...forged.occupant, id: "host" } });
  expect(await one.attendance()).toMatchObject({ source: "grants" });
  expect(await other.attendance()).toMatchObject({ source: "grants" });
});

test("without a word from Jitsi, being let in counts as being there from then on", async () => {
  const one = await meeting();
  await world.db.query(
    "UPDATE meeting_sessions SET granted_at = now() - CASE role WHEN 'winner' THEN interval '30 minutes' ELSE '0' END WHERE meeting_id = $1",
    [one.meetingId],
  );
  const { hostMs, winnerMs, source } = await one.attendance();
  expect(source).toBe("grants");
  // The host was let in only now, the winner half an hour ago.
  expect(hostMs).toBeLessThan(winnerMs);
  expect(winnerMs).toBeGreaterThan(1_700_000);
});

test("whatever is sent with the secret is refused or recorded, and never breaks anything", async () => {
  const one = await meeting();
  const text = fc.oneof(anyText(), fc.constantFrom("\0", "\ud800", "x".repeat(5_000)));
  const value = fc.oneof(text, fc.double(), fc.constant(null), fc.object());
  const body = fc.oneof(
    fc.object(),
    fc.record({
      event_name: fc.constantFrom("muc-occupant-joined", "muc-occupant-left", "muc-room-destroyed"),
      room_name: fc.oneof(value, fc.constant(one.roomName)),
      occupant: fc.record({ occupant_jid: value, id: value, joined_at: value, left_at: value }),
      destroyed_at: value,
      all_occupants: fc.array(fc.record({ occupant_jid: value, left_at: value }), { maxLength: 3 }),
    }),
    fc.record({
      eventType: fc.constantFrom("PARTICIPANT_JOINED", "PARTICIPANT_LEFT", "ROOM_DESTROYED"),
      idempotencyKey: value,
      timestamp: value,
      fqn: fc.oneof(value, fc.constant(`a/${one.roomName}`)),
      data: fc.record({ participantId: value, id: value }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(body, async (hostile) => {
      expect([200, 400, 422]).toContain((await report(hostile)).status);
    }),
    { numRuns: runs(100) },
  );
});
