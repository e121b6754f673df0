// One live session for each role, with a Prosody that has the system key of newer versions.
import { randomUUID } from "node:crypto";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import { testLogger } from "../support/logs.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  JITSI_SECRET,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";
import { ask, inRoom, join, systemKey, wayIn } from "./people.ts";

const key = systemKey();
const roomKey = systemKey("rooms/2026");
let world: TestWorld;
let jitsi: JitsiSandbox;
let api: TestApi;
let host: Person;
let winner: Person;

beforeAll(async () => {
  world = await createTestWorld();
  jitsi = await startJitsiSandbox({
    roomKeys: roomKey.keys,
    adminKeys: key.keys,
    integrationSecret: JITSI_SECRET,
    refusalMemoryMs: 0,
  });
  const rooms = createRoomTokens({
    ...jitsi.config,
    secret: roomKey.privatePem,
    kid: roomKey.kid,
    adminSecret: key.privatePem,
    adminKid: key.kid,
    timeoutMs: 60_000,
  });
  api = await world.start({ jitsi: rooms });
  jitsi.setApiUrl(api.url);
  [host, winner] = [await api.person(), await api.person()];
});
afterEach(() => jitsi.clearFaults());
afterAll(async () => {
  await jitsi.stop();
  await world.close();
});

const sessionsOf = (meetingId: string) =>
  world.db.query<{ id: string; role: string; endedBy: string | null }>(
    `SELECT id, role, ended_by AS "endedBy" FROM meeting_sessions WHERE meeting_id = $1 ORDER BY granted_at, id`,
    [meetingId],
  );

test("the newer session replaces the older: in the books, on the socket, and in the room", async () => {
  const { meetingId } = await seedSold(api, host, winner);
  const hosting = await wayIn(api, meetingId, host);
  const older = await wayIn(api, meetingId, winner);
  await join(jitsi, hosting);
  await join(jitsi, older);
  // Reported after the newer grant, the older's coming would be that of somebody who has to go.
  await jitsi.flush();
  const newer = await wayIn(api, meetingId, winner);
  expect(await sessionsOf(meetingId)).toEqual([
    { id: hosting.sessionId, role: "host", endedBy: null },
    { id: older.sessionId, role: "winner", endedBy: "replaced" },
    { id: newer.sessionId, role: "winner", endedBy: null },
  ]);
  const { body } = await api.request("/api/events?limit=100", { token: winner.token });
  expect(body.data.at(-1)).toMatchObject({
    type: "meeting-session-replaced",
    data: { meetingId, sessionId: older.sessionId, role: "winner" },
  });
  // Asking for a token alone, as a page that stays open does now and then, throws nobody out.
  await jitsi.flush();
  expect(await inRoom(jitsi, hosting.room)).toHaveLength(2);
  await join(jitsi, newer);
  await jitsi.flush();
  expect(await inRoom(jitsi, hosting.room)).toEqual(
    [hosting.sessionId, newer.sessionId].toSorted(),
  );
  // The older token is good at Prosody until it expires; its bearer does not stay.
  expect((await join(jitsi, older)).status).toBe(200);
  await jitsi.flush();
  expect(await inRoom(jitsi, hosting.room)).toEqual(
    [hosting.sessionId, newer.sessionId].toSorted(),
  );
});

test("of many grants at once one session is live", async () => {
  const { meetingId } = await seedSold(api, host, winner);
  await Promise.all(Array.from({ length: 8 }, () => wayIn(api, meetingId, winner)));
  const sessions = await sessionsOf(meetingId);
  expect(sessions).toHaveLength(8);
  expect(sessions.filter((one) => one.endedBy === null)).toHaveLength(1);
});

test("sending out is repeated until Prosody answers, and its coming is recorded all the same", async () => {
  const { meetingId } = await seedSold(api, host, winner);
  const older = await wayIn(api, meetingId, winner);
  await join(jitsi, older);
  const newer = await wayIn(api, meetingId, winner);
  jitsi.addFault({ path: "/kick-participant", mode: "status", status: 503, times: 2 });
  await join(jitsi, newer);
  await jitsi.flush();
  expect(await inRoom(jitsi, newer.room)).toEqual([newer.sessionId]);
  const seen = await world.db.query<{ sessionId: string; joined: boolean; left: boolean }>(
    `SELECT session_id AS "sessionId", joined_at IS NOT NULL AS joined, left_at IS NOT NULL AS left FROM meeting_attendance WHERE meeting_id = $1 ORDER BY left_at`,
    [meetingId],
  );
  expect(seen).toEqual([
    { sessionId: older.sessionId, joined: true, left: true },
    { sessionId: newer.sessionId, joined: true, left: false },
  ]);
});

test("a key that Prosody does not know sends nobody out, whatever its answer looks like", async () => {
  const { meetingId } = await seedSold(api, host, winner);
  const one = await wayIn(api, meetingId, winner);
  const { body } = await join(jitsi, one);
  const other = systemKey();
  const stranger = createRoomTokens({
    ...jitsi.config,
    adminSecret: other.privatePem,
    adminKid: key.kid,
  });
  // The real module answers 200 here: the occupant's going is the proof, not the answer.
  await expect(stranger.kick(one.room, String(body["occupantId"]))).resolves.toMatchObject({
    asked: true,
  });
  expect(await inRoom(jitsi, one.room)).toEqual([one.sessionId]);
  await expect(stranger.endRoom(one.room)).rejects.toMatchObject({ code: "jitsi_end_refused" });
  // The key of room tokens opens nothing there either.
  const { privatePem: secret, kid } = roomKey;
  const withRoomKey = createRoomTokens({ ...jitsi.config, secret, kid });
  await expect(withRoomKey.endRoom(one.room)).rejects.toMatchObject({ code: "jitsi_end_refused" });
});

test("every decision is in the log, with what was looked at and at which block", async () => {
  const stranger = await api.person();
  const sold = await seedSold(api, host, winner, {
    startsAt: new Date(Date.now() + 3_600_000),
    endsAt: new Date(Date.now() + 7_200_000),
    state: "scheduled",
  });
  await ask(api, sold.meetingId, stranger);
  await ask(api, sold.meetingId, winner);
  await world.db.query("UPDATE meetings SET starts_at = now() WHERE id = $1", [sold.meetingId]);
  const { sessionId } = await wayIn(api, sold.meetingId, winner);
  const log = await world.db.query<object>(
    `SELECT granted, reason, role, block_number AS block, checked FROM meeting_access_logs WHERE meeting_id = $1 ORDER BY id`,
    [sold.meetingId],
  );
  const passOwner = winner.wallet.address.toLowerCase();
  expect(log).toEqual([
    {
      granted: false,
      reason: "not_a_participant",
      role: null,
      block: 100,
      checked: { by: "challenge", passOwner, atBlock: 100 },
    },
    {
      granted: false,
      reason: "meeting_not_open",
      role: "winner",
      block: 100,
      checked: expect.objectContaining({ passOwner, atBlock: 100 }),
    },
    {
      granted: true,
      reason: "granted",
      role: "winner",
      block: 100,
      checked: expect.objectContaining({ passOwner, sessionId }),
    },
  ]);
});

describe("closing", () => {
  const closing = (rooms = api.deps.jitsi) =>
    createMeetingActivities({ db: world.db, rooms, logger: testLogger() });
  const inputOf = ({ auctionId, meetingId }: { auctionId: string; meetingId: string }) =>
    ({ chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId, meetingId }) as never;
  const operation = (auctionId: string) =>
    world.db.query<{ outcome: number }>(
      "SELECT outcome FROM chain_operations WHERE kind = 'settle' AND auction_id = $1",
      [auctionId],
    );

  test.each([
    ["is away", { mode: "reset" }],
    ["refuses our key", { mode: "status", status: 401 }],
    ["answers nonsense", { mode: "garbage", status: 500 }],
  ] as const)("settles although Jitsi %s, and the room is ended later", async (_name, fault) => {
    const sold = await seedSold(api, host, winner);
    const hosting = await wayIn(api, sold.meetingId, host);
    await join(jitsi, hosting);
    await jitsi.flush();
    jitsi.addFault({ path: "/end-meeting", ...fault });
    const { closeMeeting, endRooms } = closing();
    expect(await closeMeeting(inputOf(sold), null)).toBe(2);
    expect(await operation(sold.auctionId)).toEqual([{ outcome: 2 }]);
    const signals = await world.db.query<{ signal: string }>(
      "SELECT payload->>'signal' AS signal FROM outbox WHERE workflow_id = $1",
      [`meeting/${sold.meetingId}`],
    );
    expect(signals).toEqual([{ signal: "roomLeft" }]);
    await expect(endRooms(sold.meetingId)).rejects.toMatchObject({ code: /^jitsi_/ });
    expect(await inRoom(jitsi, hosting.room)).toHaveLength(1);
    jitsi.clearFaults();
    await endRooms(sold.meetingId);
    expect(await inRoom(jitsi, hosting.room)).toBeUndefined();
    expect((await sessionsOf(sold.meetingId)).map((one) => one.endedBy)).toEqual(["meeting_over"]);
    // Nobody comes back, whatever token they hold.
    expect((await join(jitsi, hosting)).body).toMatchObject({ text: "this meeting is over" });
  });

  test("an operator decides before the settlement, once, on the record, and not after it has begun", async () => {
    const sold = await seedSold(api, host, winner);
    const { closeMeeting, overrule } = closing();
    const by = { by: "ops:alice", reason: "Jitsi reported nobody, both say it took place" };
    expect(await closeMeeting(inputOf(sold), null)).toBe(2);
    const id = randomUUID();
    await overrule(sold.meetingId, id, { ...by, outcome: 1 });
    await overrule(sold.meetingId, id, { ...by, outcome: 1 });
    expect(await operation(sold.auctionId)).toEqual([{ outcome: 1 }]);
    // Asked again, as the process does now and then: it stays.
    expect(await closeMeeting(inputOf(sold), null)).toBe(1);
    await world.db.query(
      "UPDATE chain_operations SET state = 'signed', nonce = 1, wallet = $2 WHERE kind = 'settle' AND auction_id = $1",
      [sold.auctionId, AUCTION_CONTRACT],
    );
    await expect(
      overrule(sold.meetingId, randomUUID(), { ...by, outcome: 3 }),
    ).rejects.toMatchObject({ code: "settlement_under_way" });
    expect(await operation(sold.auctionId)).toEqual([{ outcome: 1 }]);
    const kept = await world.db.query<object>(
      `SELECT outcome, decided_by AS by, reason, created_at AS "at" FROM meeting_overrules WHERE meeting_id = $1`,
      [sold.meetingId],
    );
    expect(kept).toEqual([{ ...by, outcome: 1, at: expect.any(Date) }]);
  });

  test("an operator decides ahead of the end, too; the last word counts", async () => {
    const sold = await seedSold(api, host, winner);
    const { closeMeeting, overrule } = closing();
    for (const outcome of [3, 1] as const)
      await overrule(sold.meetingId, randomUUID(), {
        by: "ops",
        outcome,
        reason: "decided by a call",
      });
    expect(await closeMeeting(inputOf(sold), null)).toBe(1);
  });

  test("the settlement waits for the review time, counted from the closing", async () => {
    const sold = await seedSold(api, host, winner);
    const { closeMeeting } = createMeetingActivities({
      db: world.db,
      rooms: api.deps.jitsi,
      logger: testLogger(),
      reviewS: 600,
    });
    const due = async () =>
      (
        await world.db.query<{ due: number; closed: number }>(
          `SELECT o.not_before_s AS due, ceil(extract(epoch FROM m.closed_at))::int AS closed FROM chain_operations o JOIN meetings m USING (auction_id)
           WHERE o.kind = 'settle' AND o.auction_id = $1`,
          [sold.auctionId],
        )
      )[0];
    await closeMeeting(inputOf(sold), null);
    const before = await due();
    expect(before?.due).toBe((before?.closed ?? 0) + 600);
    await closeMeeting(inputOf(sold), null);
    expect(await due()).toEqual(before);
  });
});
