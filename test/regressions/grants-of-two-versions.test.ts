// During a rolling upgrade one node grants as the version before did (in the log alone), the other opens sessions.
import { attendanceOf } from "../../src/db/attendance.ts";
import { createTestWorld, seedSold } from "../support/api.ts";
import { wayIn } from "../jitsi/people.ts";

test("a grant of the version before counts beside one of this version, and in the same room", async () => {
  const world = await createTestWorld();
  try {
    const api = await world.start();
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
  } finally {
    await world.close();
  }
});
