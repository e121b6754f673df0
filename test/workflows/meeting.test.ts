import { WorkflowIdReusePolicy } from "@temporalio/client";
import { failure } from "./activities.ts";
import { refusalOf, startMeeting } from "./meetings.ts";
import { detailsOf, statusOf, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

test.concurrent("a meeting reminds, opens, closes at its end, settles and tells", async () => {
  const reminded = Promise.withResolvers<void>();
  const meeting = await startMeeting(
    world,
    { remindInMs: 500, opensInMs: 1_000, endsInMs: 2_000 },
    { remind: () => reminded.promise },
  );
  await meeting.phase("scheduled");
  await until("the reminder", () => meeting.steps.length > 0);
  reminded.resolve();
  const closing = await meeting.state(({ outcome }) => outcome !== null);
  expect(closing).toMatchObject({ phase: "closing", outcome: 1, settled: false });
  await meeting.settle();
  const over = { phase: "closed", outcome: 1, settled: true, problem: null };
  expect(await meeting.handle.result()).toMatchObject(over);
  expect(meeting.steps).toEqual(["remind", "openMeeting", "closeMeeting", "announceSettlement"]);
  const { remindAtMs = Number.NaN, opensAtMs, endsAtMs } = meeting.input;
  const [reminder, opened, closed] = world.activities.of(meeting.id);
  expect(reminder?.atMs).toBeGreaterThanOrEqual(remindAtMs);
  expect(opened?.atMs).toBeGreaterThanOrEqual(opensAtMs);
  expect(closed?.atMs).toBeGreaterThanOrEqual(endsAtMs);
  expect(closed?.args).toEqual([meeting.input, null]);
  expect(await meeting.state(() => true)).toMatchObject(over); // also once it is closed
});

test.concurrent("a meeting that is due already opens at once and reminds nobody", async () => {
  const meeting = await startMeeting(world);
  await meeting.phase("open");
  expect(meeting.steps).toEqual(["openMeeting"]);
});

test.concurrent.each([2, 3] as const)(
  "outcome %i of the activity is the outcome of the meeting",
  async (outcome) => {
    const meeting = await startMeeting(
      world,
      { endsInMs: 300 },
      { closeMeeting: async () => outcome },
    );
    await meeting.state((state) => state.outcome === outcome);
    expect(await detailsOf(meeting.handle)).toContain("never came");
    await meeting.settle();
    expect(await meeting.handle.result()).toMatchObject({ outcome, settled: true });
  },
);

test.concurrent("a settlement that is refused is shown and waited for, and done later it counts", async () => {
  const meeting = await startMeeting(world, { endsInMs: 300 });
  await meeting.state(({ outcome }) => outcome !== null);
  await meeting.settle({ status: "refused", reason: "the platform's role is missing" });
  const refused = await meeting.state(({ problem }) => problem !== null);
  expect(refused).toMatchObject({
    phase: "closing",
    settled: false,
    problem: "settle: the platform's role is missing",
  });
  expect(await detailsOf(meeting.handle)).toContain("Needs attention");
  expect(await statusOf(meeting.handle)).toBe("RUNNING");
  await meeting.settle();
  expect(await meeting.handle.result()).toMatchObject({ settled: true, problem: null });
});

test.concurrent("a settlement that comes before the room is closed, and a refusal after it, are no trouble", async () => {
  const opened = Promise.withResolvers<void>();
  const meeting = await startMeeting(
    world,
    { endsInMs: 300 },
    { openMeeting: () => opened.promise },
  );
  await until("the room to be opened", () => meeting.steps.length > 0);
  await meeting.settle();
  await meeting.settle({ status: "refused", reason: "late" });
  opened.resolve();
  expect(await meeting.handle.result()).toMatchObject({
    phase: "closed",
    settled: true,
    problem: null,
  });
});

test.concurrent("a room that cannot be closed keeps the meeting closing and shows why", async () => {
  const meeting = await startMeeting(
    world,
    { endsInMs: 300 },
    { closeMeeting: () => Promise.reject(failure("jitsi_refused", "bad key", true)) },
  );
  const state = await meeting.state(({ problem }) => problem !== null);
  expect(state).toMatchObject({
    phase: "closing",
    problem: "closeMeeting: jitsi_refused: bad key",
  });
  expect(await statusOf(meeting.handle)).toBe("RUNNING");
});

test.concurrent("a room that opens on the second attempt is open", async () => {
  let attempts = 0;
  const meeting = await startMeeting(
    world,
    {},
    {
      openMeeting: async () => {
        attempts += 1;
        if (attempts === 1) throw failure("postgres_unavailable", "try again", false);
      },
    },
  );
  await meeting.phase("open");
  expect(world.activities.of(meeting.id).map((call) => call.attempt)).toEqual([1, 2]);
});

test.concurrent("a meeting that is closed hears nothing any more", async () => {
  const meeting = await startMeeting(world, { endsInMs: 300 });
  await meeting.settle();
  await meeting.handle.result();
  expect(await refusalOf(meeting.extend(1))).toBe("WorkflowNotFoundError");
  expect(await refusalOf(meeting.close())).toBe("WorkflowNotFoundError");
  await expect(
    world.client.workflow.start("meeting", {
      workflowId: meeting.id,
      taskQueue: "auction",
      args: [meeting.input],
      workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
    }),
  ).rejects.toThrow("already started");
  await until(
    "the meeting to stay closed",
    async () => (await statusOf(meeting.handle)) === "COMPLETED",
  );
});
