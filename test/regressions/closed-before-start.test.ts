import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { noteOccupant } from "../../src/db/attendance.ts";
import { testLogger } from "../support/logs.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

test("a host cannot close, and be paid for, a meeting that has not even begun", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  // The room opens ten minutes ahead; it is nine minutes to the start.
  const startsAt = new Date(Date.now() + 9 * 60_000);
  const { meetingId } = await seedSold(api, host, winner, {
    startsAt,
    endsAt: new Date(startsAt.getTime() + 3_600_000),
  });
  for (const role of ["host", "winner"] as const)
    await noteOccupant(api.db, {
      meetingId,
      occupantId: role,
      role,
      roomName: "room",
      sessionId: null,
      joinedAt: new Date(),
      leftAt: new Date(),
    });
  const { checkEarlyClose } = createMeetingActivities({
    db: api.db,
    rooms: {} as never,
    logger: testLogger(),
  });
  await expect(checkEarlyClose(meetingId)).rejects.toMatchObject({ kind: "refuse" });
});
