// What operators and Jitsi do to a meeting's process: outcomes that are overruled, rooms that cannot be ended.
import { failure } from "./activities.ts";
import { refusalOf, startMeeting } from "./meetings.ts";
import { detailsOf, statusOf, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

describe("overrule", () => {
  test.concurrent("after the closing changes the outcome, which is shown and stays", async () => {
    const meeting = await startMeeting(world, { endsInMs: 300 });
    await meeting.state(({ outcome }) => outcome === 1);
    expect(await meeting.overrule({ outcome: 2 })).toMatchObject({ outcome: 2, settled: false });
    expect(await detailsOf(meeting.handle)).toContain("the host never came");
    const [step] = world.activities.of(meeting.id, "overrule");
    expect(step?.args).toEqual([
      meeting.input.meetingId,
      expect.stringMatching(/.{8}/),
      { by: "ops:alice", outcome: 2, reason: "both say it took place" },
    ]);
    await meeting.settle();
    expect(await meeting.handle.result()).toMatchObject({ outcome: 2, settled: true });
  });

  test.concurrent("before the closing is remembered, and counts although the step decides otherwise", async () => {
    const meeting = await startMeeting(world);
    await meeting.phase("open");
    expect(await meeting.overrule({ outcome: 3 })).toMatchObject({ phase: "open", outcome: null });
    await meeting.close();
    await meeting.state(({ outcome }) => outcome === 3);
  });

  test.concurrent("that comes too late, says nothing, or names no outcome changes nothing", async () => {
    const meeting = await startMeeting(
      world,
      {},
      { overrule: () => Promise.reject(failure("settlement_under_way", "too late", true)) },
    );
    expect(await refusalOf(meeting.overrule())).toBe("settlement_under_way");
    for (const [command, refusal] of [
      [{ outcome: 4 }, "bad_outcome"],
      [{ outcome: 0 }, "bad_outcome"],
      [{ outcome: "1" }, "bad_outcome"],
      [{ reason: "because" }, "bad_reason"],
      [{ reason: "x".repeat(1_001) }, "bad_reason"],
      [{ reason: undefined }, "bad_reason"],
      [{ by: " " }, "bad_by"],
      [{ by: 7 }, "bad_by"],
    ] as const)
      expect(await refusalOf(meeting.overrule(command as never))).toBe(refusal);
    expect(world.activities.of(meeting.id, "overrule")).toHaveLength(1);
    expect(await meeting.state(() => true)).toMatchObject({ outcome: null, problem: null });
    await meeting.withdraw();
    await meeting.handle.result();
  });

  test.concurrent("of a meeting that is withdrawn is refused", async () => {
    const meeting = await startMeeting(
      world,
      {},
      { leaveWithdrawn: () => Promise.reject(failure("jitsi_end_refused", "bad key", true)) },
    );
    await meeting.withdraw();
    await meeting.phase("withdrawn");
    expect(await refusalOf(meeting.overrule())).toBe("meeting_over");
  });
});

describe("a room that cannot be ended", () => {
  test.concurrent("is shown to operators and holds back neither the meeting nor the money", async () => {
    const meeting = await startMeeting(
      world,
      {},
      { endRooms: () => Promise.reject(failure("jitsi_end_refused", "bad key", true)) },
    );
    await meeting.phase("open");
    await meeting.leaveRoom();
    const problem = "endRooms: jitsi_end_refused: bad key";
    await meeting.state((state) => state.problem === problem);
    expect(await detailsOf(meeting.handle)).toContain("Needs attention");
    await meeting.close();
    await meeting.state(({ outcome }) => outcome === 1);
    await meeting.settle();
    expect(await meeting.phase("closed")).toMatchObject({ settled: true, problem });
    // It goes on trying for a while.
    expect(await statusOf(meeting.handle)).toBe("RUNNING");
  });

  test.concurrent("and is ended at the second attempt is no trouble any more", async () => {
    let attempts = 0;
    const meeting = await startMeeting(
      world,
      { endsInMs: 500 },
      {
        endRooms: async () => {
          attempts += 1;
          if (attempts === 1) throw failure("jitsi_unavailable", "try again", false);
        },
      },
    );
    await meeting.leaveRoom();
    await until("the second attempt", () => attempts === 2);
    await meeting.settle();
    expect(await meeting.handle.result()).toMatchObject({ settled: true, problem: null });
  });
});
