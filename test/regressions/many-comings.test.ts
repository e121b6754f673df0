// Whoever comes and goes all the time can neither stop a meeting from being counted nor fill the database.
import { attendanceOf, noteOccupant } from "../../src/db/attendance.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createTestWorld, seedSold } from "../support/api.ts";

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
  const world = await createTestWorld();
  try {
    const api = await world.start();
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
  } finally {
    await world.close();
  }
});
