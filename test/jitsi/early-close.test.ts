// Closing before the end pays the host, so it takes a meeting that counts as held.
import { jest } from "@jest/globals";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { noteOccupant } from "../../src/db/attendance.ts";
import { testLogger } from "../support/logs.ts";
import {
  createTestWorld,
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

/** A meeting that began five minutes ago, with the two there for so many seconds after its start. */
async function meetingWith(stays: Partial<Record<"host" | "winner", readonly [number, number]>>) {
  const startsAt = new Date(Date.now() - 300_000);
  const { meetingId } = await seedSold(api, host, winner, { startsAt });
  for (const role of ["host", "winner"] as const) {
    const stay = stays[role];
    if (stay === undefined) continue;
    const [joinedAt, leftAt] = stay.map((atS) => new Date(startsAt.getTime() + atS * 1_000));
    await noteOccupant(api.db, {
      meetingId,
      occupantId: role,
      roomName: "room",
      sessionId: null,
      role,
      joinedAt: joinedAt ?? null,
      leftAt: leftAt ?? null,
    });
  }
  return meetingId;
}

const close = (meetingId: string): Promise<void> =>
  createMeetingActivities({
    db: api.db,
    rooms: {} as never,
    logger: testLogger(),
  }).checkEarlyClose(meetingId);

test.each([
  ["the winner never came", { host: [0, 290] }, "not_both_there_yet"],
  ["they never met", { host: [0, 100], winner: [100, 200] }, "not_both_there_yet"],
  ["they met before the start only", { host: [-200, 0], winner: [-200, 0] }, "not_both_there_yet"],
  ["they met for a second", { host: [0, 290], winner: [100, 101] }, "meeting_too_short"],
] as const)("is refused when %s", async (_name, stays, code) => {
  await expect(close(await meetingWith(stays))).rejects.toMatchObject({ kind: "refuse", code });
});

test("is possible after a minute together; an extension asks no more", async () => {
  const meetingId = await meetingWith({ host: [0, 290], winner: [100, 160] });
  await expect(close(meetingId)).resolves.toBeUndefined();
  await api.db.query("UPDATE meetings SET ends_at = ends_at + interval '1 hour' WHERE id = $1", [
    meetingId,
  ]);
  await expect(close(meetingId)).resolves.toBeUndefined();
});

/** The time of day, without Date. */
const performanceNowMs = (): number => performance.timeOrigin + performance.now();

test("a worker whose clock is two minutes behind judges by the database's clock", async () => {
  const meetingId = await meetingWith({ host: [220, 290], winner: [220, 290] });
  const behind = jest.spyOn(Date, "now").mockImplementation(() => performanceNowMs() - 120_000);
  try {
    await expect(close(meetingId)).resolves.toBeUndefined();
  } finally {
    behind.mockRestore();
  }
});
