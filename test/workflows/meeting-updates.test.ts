import { WorkflowUpdateStage } from "@temporalio/client";
import { extendUpdate } from "../../src/workflows/messages.ts";
import type { MeetingState } from "../../src/domain/process.ts";
import { getTestTemporal } from "../support/stack.ts";
import { failure, HOST, WINNER } from "./activities.ts";
import { MINUTE_MS, refusalOf, startMeeting, startShort, type TestMeeting } from "./meetings.ts";
import { createWorld, eventsOf, sleepsUntil, statusOf, until, type World } from "./world.ts";

let world: World;
let stop: () => Promise<void>;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  stop = await world.startWorkers();
});
afterAll(async () => {
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

/** What `refusalOf` answers of an update that was accepted. */
const ACCEPTED = "Error";

const recorded = (meeting: TestMeeting): unknown[] =>
  world.activities.of(meeting.id, "recordExtension").map((call) => call.args[1]);

describe("extend", () => {
  test.concurrent("moves the end, records it and answers with the new end", async () => {
    const meeting = await startMeeting(world);
    const endsAtMs = meeting.input.endsAtMs + 3 * MINUTE_MS;
    expect(await meeting.extend(3)).toMatchObject({ endsAtMs });
    expect(await meeting.state(() => true)).toMatchObject({ endsAtMs });
    expect(recorded(meeting)).toEqual([endsAtMs]);
  });

  test.concurrent("keeps the meeting open beyond its first end", async () => {
    const meeting = await startShort(
      world,
      {},
      async (one) => (await refusalOf(one.extend(1))) === ACCEPTED,
    );
    await until("the first end to pass", async () => Date.now() > meeting.input.endsAtMs);
    expect(await meeting.phase("open")).toMatchObject({ outcome: null });
    expect(meeting.steps).not.toContain("closeMeeting");
  });

  test.concurrent("is refused to others, with bad minutes and beyond the latest end, and then changes nothing", async () => {
    const meeting = await startMeeting(world);
    expect(await refusalOf(meeting.extend(1, WINNER))).toBe("not_the_host");
    for (const minutes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(await refusalOf(meeting.extend(minutes))).toBe("bad_minutes");
    expect(await refusalOf(meeting.extend(11))).toBe("extension_too_long");
    const { endsAtMs } = meeting.input;
    expect(await meeting.state(() => true)).toMatchObject({ endsAtMs });
    expect(recorded(meeting)).toEqual([]);
    // Up to the latest end itself it is allowed.
    expect(await meeting.extend(10)).toMatchObject({ endsAtMs: meeting.input.latestEndsAtMs });
    expect(await refusalOf(meeting.extend(1))).toBe("extension_too_long");
  });

  test.concurrent("twice at once adds up, and both cannot go beyond the latest end together", async () => {
    const meeting = await startMeeting(world);
    await Promise.all([meeting.extend(2), meeting.extend(3)]);
    const endsAtMs = meeting.input.endsAtMs + 5 * MINUTE_MS;
    expect(await meeting.state(() => true)).toMatchObject({ endsAtMs });
    expect(Math.max(...(recorded(meeting) as number[]))).toBe(endsAtMs);
    const refusals = await Promise.all([
      refusalOf(meeting.extend(4)),
      refusalOf(meeting.extend(4)),
    ]);
    expect(refusals.sort()).toEqual([ACCEPTED, "extension_too_long"]);
  });

  test.concurrent("sent twice under one id extends once", async () => {
    const meeting = await startMeeting(world);
    const options = { args: [{ by: HOST, minutes: 2 }], updateId: "the-same" } as const;
    const endsAtMs = meeting.input.endsAtMs + 2 * MINUTE_MS;
    for (let n = 0; n < 2; n += 1) {
      const answer = await meeting.handle.executeUpdate(extendUpdate, {
        ...options,
        args: [...options.args],
      });
      expect(answer).toMatchObject({ endsAtMs });
    }
    expect(recorded(meeting)).toEqual([endsAtMs]);
  });

  test.concurrent("that was recorded for a run before this one is not made again", async () => {
    const meeting = await startMeeting(
      world,
      {},
      { recordExtension: async (_id, endsAtMs) => ({ repeatedEndsAtMs: endsAtMs - MINUTE_MS }) },
    );
    const { endsAtMs } = meeting.input;
    expect(await meeting.extend(1)).toMatchObject({ endsAtMs });
    expect(await meeting.phase("open")).toMatchObject({ endsAtMs });
  });

  test.concurrent("waits while it cannot be recorded, and holds up nothing else", async () => {
    let down = true;
    const meeting = await startMeeting(
      world,
      {},
      {
        recordExtension: async () => {
          if (down) throw failure("postgres_unavailable", "try again", false);
        },
      },
    );
    const waiting = await meeting.handle.startUpdate(extendUpdate, {
      args: [{ by: HOST, minutes: 1 }],
      waitForStage: WorkflowUpdateStage.ACCEPTED,
    });
    await until("two attempts", () => recorded(meeting).length >= 2);
    expect(await meeting.phase("open")).toMatchObject({ problem: null });
    down = false;
    expect(await waiting.result()).toMatchObject({ endsAtMs: meeting.input.endsAtMs + MINUTE_MS });
  });

  test.concurrent("that can never be recorded fails alone and moves nothing", async () => {
    let refusing = true;
    const meeting = await startMeeting(
      world,
      {},
      {
        recordExtension: async () => {
          if (refusing) throw failure("meeting_not_found", "gone", true);
        },
      },
    );
    expect(await refusalOf(meeting.extend(1))).toBe("meeting_not_found");
    const { endsAtMs } = meeting.input;
    expect(await meeting.phase("open")).toMatchObject({ endsAtMs });
    refusing = false;
    expect(await meeting.extend(2)).toMatchObject({ endsAtMs: endsAtMs + 2 * MINUTE_MS });
    expect(await statusOf(meeting.handle)).toBe("RUNNING");
  });

  test("after the end is refused, although the worker was away and the message is handled before the timer", async () => {
    const fired = async ({ handle }: TestMeeting): Promise<boolean> =>
      (await eventsOf(handle, "timerFiredEventAttributes")).length > 0;
    const meeting = await startShort(world, {}, async (one) => {
      await until(
        "it to sleep",
        async () => one.steps.includes("closeMeeting") || (await sleepsUntil(one.handle)),
      );
      await stop();
      if (!one.steps.includes("closeMeeting") && !(await fired(one))) return true;
      stop = await world.startWorkers();
      return false;
    });
    await until("the end's timer", () => fired(meeting));
    const late = refusalOf(meeting.extend(1));
    const lateClose = refusalOf(meeting.close());
    stop = await world.startWorkers();
    expect(await late).toBe("meeting_over");
    expect(await lateClose).toBe("meeting_over");
    await meeting.state(({ outcome }) => outcome !== null);
    expect(meeting.steps).toEqual(["openMeeting", "closeMeeting"]);
  });
});

describe("close", () => {
  test.concurrent("closes early and is answered when it is decided how the meeting came out", async () => {
    const room = Promise.withResolvers<3>();
    const meeting = await startMeeting(world, {}, { closeMeeting: () => room.promise });
    await meeting.phase("open");
    const answered = meeting.close();
    expect(await meeting.phase("closing")).toMatchObject({ outcome: null });
    // Twice is once, and nobody extends what is closing.
    expect(await refusalOf(meeting.close())).toBe("meeting_over");
    expect(await refusalOf(meeting.extend(1))).toBe("meeting_over");
    room.resolve(3);
    expect(await answered).toMatchObject({ phase: "closing", outcome: 3 });
    expect(world.activities.of(meeting.id, "closeMeeting")[0]?.args).toEqual([meeting.input, HOST]);
    await meeting.settle();
    expect(await meeting.handle.result()).toMatchObject({ phase: "closed", outcome: 3 });
  });

  test.concurrent("is refused to others", async () => {
    const meeting = await startMeeting(world);
    expect(await refusalOf(meeting.close(WINNER))).toBe("not_the_host");
    expect(await meeting.phase("open")).toMatchObject({ outcome: null });
  });

  test.concurrent("while the winner has not been there fails alone, and the meeting goes on to its end", async () => {
    let refusal = "";
    const meeting = await startShort(
      world,
      { checkEarlyClose: () => Promise.reject(failure("not_both_there_yet", "wait", true)) },
      async (one) => {
        refusal = await refusalOf(one.close());
        return refusal !== "meeting_over";
      },
    );
    expect(refusal).toBe("not_both_there_yet");
    expect(await meeting.state(() => true)).toMatchObject({ problem: null });
    await meeting.state(({ outcome }) => outcome !== null);
    expect(world.activities.of(meeting.id, "closeMeeting")[0]?.args).toEqual([meeting.input, null]);
    await meeting.settle();
    expect(await meeting.handle.result()).toMatchObject({ phase: "closed" });
  });

  test.concurrent("that is still being checked when the meeting ends by itself is answered with how it ended", async () => {
    const check = Promise.withResolvers<void>();
    let answered: Promise<MeetingState> | undefined;
    const meeting = await startShort(
      world,
      { checkEarlyClose: () => check.promise },
      async (one) => {
        answered = one.close();
        answered.catch(() => undefined);
        const refused = answered.then(
          () => false,
          () => true,
        );
        const asked = until("the check", () => one.steps.includes("checkEarlyClose"));
        return !(await Promise.race([refused, asked.then(() => false)]));
      },
    );
    await meeting.state(({ outcome }) => outcome !== null);
    await meeting.settle();
    // It is settled, but it does not end without having answered.
    await until("the settlement", () => meeting.steps.includes("announceSettlement"));
    check.resolve();
    expect(await answered).toMatchObject({ outcome: 1 });
    expect(world.activities.of(meeting.id, "closeMeeting")[0]?.args).toEqual([meeting.input, null]);
    expect(await meeting.handle.result()).toMatchObject({ phase: "closed" });
  });
});
