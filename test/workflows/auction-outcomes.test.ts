import { type AuctionState, meetingWorkflowId } from "../../src/domain/process.ts";
import { failure, meetingOf } from "./activities.ts";
import { SALE, startBidding, startDue } from "./auctions.ts";
import { ask, detailsOf, eventsOf, statusOf, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

const ending = ({ phase }: AuctionState): boolean => phase === "ending";

test.concurrent("a sold auction mints the pass and leaves the meeting to a process of its own", async () => {
  const auction = await startBidding(world);
  expect(await auction.state(() => true)).toMatchObject({ phase: "bidding", problem: null });
  await auction.sleepsUntilEnd();
  const endsAtMs = await auction.moveEndNear();
  await auction.state(ending);
  await auction.settle("end", SALE);
  const sold = await auction.state(({ meetingId }) => meetingId !== null);
  expect(sold).toMatchObject({ phase: "sold", ...SALE, passMinted: false });
  await auction.settle("mint");

  const over = { phase: "meeting", passMinted: true, problem: null, ...SALE };
  expect(await auction.handle.result()).toMatchObject(over);
  expect(auction.steps).toEqual(["requestEnd", "arrangeMeeting"]);
  expect(auction.requestedEnds).toEqual([Math.floor(endsAtMs / 1000)]);
  const [asked] = world.activities.of(auction.id, "requestEnd");
  expect(asked?.atMs).toBeGreaterThanOrEqual(endsAtMs - auction.leadMs);
  expect(await auction.state(() => true)).toMatchObject(over); // also once it is closed

  // The child outlives its parent: it is abandoned on purpose.
  const meeting = world.client.workflow.getHandle(meetingWorkflowId(sold.meetingId ?? ""));
  expect(await statusOf(meeting)).toBe("RUNNING");
  const [started] = await eventsOf(meeting, "workflowExecutionStartedEventAttributes");
  expect(started?.attributes.parentWorkflowExecution?.workflowId).toBe(auction.id);
  expect(await ask(meeting, "state")).toMatchObject({ phase: "scheduled" });
});

test.concurrent("an auction without a bid ends unsold", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  await auction.settle("end");
  const over = { phase: "unsold", winner: null, meetingId: null };
  expect(await auction.handle.result()).toMatchObject(over);
  expect(auction.steps).toEqual(["requestEnd", "announceUnsold"]);
});

test.concurrent("an auction cancelled while people bid never asks for its end", async () => {
  const auction = await startBidding(world);
  await auction.state(({ phase }) => phase === "bidding");
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
  expect(auction.steps).toEqual(["announceCancelled"]);
});

test.concurrent("an auction can be cancelled after its end was asked for", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
  expect(auction.steps).toEqual(["requestEnd", "announceCancelled"]);
});

test.concurrent("a cancellation that the chain takes back while it is announced changes nothing", async () => {
  const told = Promise.withResolvers<void>();
  const auction = await startBidding(world, {
    script: { announceCancelled: () => told.promise },
  });
  await auction.cancel();
  await until("the announcement", () => auction.steps.includes("announceCancelled"));
  await auction.moveEndNear();
  told.resolve();
  await auction.state(ending);
  await auction.settle("end");
  expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });
});

test.concurrent("an auction that a reorg dropped for good leaves no process behind", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  await auction.settle("end", { status: "refused", reason: "unknown_auction" });
  expect(await auction.handle.result()).toMatchObject({ phase: "gone", problem: null });
});

test.concurrent("an end that is refused is shown and waited for, and done later it counts", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  await auction.settle("end", { status: "refused", reason: "the platform's role is missing" });
  const refused = await auction.state(({ problem }) => problem !== null);
  expect(refused).toMatchObject({
    phase: "ending",
    problem: "end: the platform's role is missing",
  });
  expect(await detailsOf(auction.handle)).toContain("Needs attention");
  expect(await statusOf(auction.handle)).toBe("RUNNING");
  await auction.settle("end", SALE);
  expect(await auction.state(({ phase }) => phase === "sold")).toMatchObject({ ...SALE });
  await auction.state(({ meetingId, problem }) => meetingId !== null && problem === null);

  await auction.settle("mint", { status: "refused", reason: "paused" });
  const unminted = await auction.state(({ problem }) => problem !== null);
  expect(unminted).toMatchObject({ phase: "sold", problem: "mint: paused" });
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", problem: null });
  expect(await detailsOf(auction.handle)).not.toContain("Needs attention");
});

test.concurrent("a step that is refused shows why, keeps the auction running and waits to be tried again", async () => {
  const auction = await startDue(world, {
    script: {
      requestEnd: () => Promise.reject(failure("role_missing", "the platform may not end", true)),
    },
  });
  const state = await auction.state(({ problem }) => problem !== null);
  expect(state).toMatchObject({
    phase: "ending",
    problem: "requestEnd: role_missing: the platform may not end",
  });
  expect(await detailsOf(auction.handle)).toContain(`**Needs attention:** ${state.problem}`);
  const timers = await eventsOf(auction.handle, "timerStartedEventAttributes");
  expect(Number(timers.at(-1)?.attributes.startToFireTimeout?.seconds)).toBe(300);
  expect(auction.steps).toEqual(["requestEnd"]);
  expect(await statusOf(auction.handle)).toBe("RUNNING");
});

test.concurrent("an activity that fails in passing is tried again without a word", async () => {
  let down = 2;
  const auction = await startDue(world, {
    script: {
      requestEnd: async () => {
        down -= 1;
        if (down > 0) throw failure("postgres_unavailable", "try again", false);
      },
    },
  });
  await until("the second attempt", () => auction.steps.length === 2);
  expect(world.activities.of(auction.id).map((call) => call.attempt)).toEqual([1, 2]);
  expect(await auction.state(() => true)).toMatchObject({ phase: "ending", problem: null });
});

test.concurrent("a meeting that has its process already does not stop the auction", async () => {
  const auction = await startDue(world);
  const arranged = meetingOf(auction.input);
  await world.client.workflow.start("meeting", {
    workflowId: meetingWorkflowId(arranged.meetingId),
    taskQueue: "auction",
    args: [arranged],
  });
  await auction.state(ending);
  await auction.settle("end", SALE);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", passMinted: true });
});

test.concurrent("two auctions in one worker know nothing of one another", async () => {
  const [one, two] = [await startDue(world), await startBidding(world)];
  await one.state(ending);
  await one.settle("end", SALE);
  await one.state(({ meetingId }) => meetingId !== null);
  expect(await two.state(() => true)).toEqual({
    phase: "bidding",
    endsAtMs: two.input.endsAtMs,
    winner: null,
    amountWei: null,
    meetingId: null,
    passMinted: false,
    problem: null,
  });
  await two.cancel();
  expect(await two.handle.result()).toMatchObject({ phase: "cancelled", winner: null });
  expect(await one.state(() => true)).toMatchObject({ phase: "sold", ...SALE });
});
