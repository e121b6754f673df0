// The chain takes back what a process was told: what it does then.
import { expect, test } from "@jest/globals";
import { type AuctionState, CHAIN_CHANGED, meetingWorkflowId } from "../../src/domain/process.ts";
import { HOST, meetingOf } from "./activities.ts";
import { FAR_MS, SALE, startDue, type TestAuction } from "./auctions.ts";
import { startMeeting } from "./meetings.ts";
import { sleepsUntil, statusOf, until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

const OTHER = "0x4444444444444444444444444444444444444444";
const ending = ({ phase }: AuctionState): boolean => phase === "ending";
const isArranged = ({ meetingId }: AuctionState): boolean => meetingId !== null;

/** An auction that was sold, while its pass is waited for. */
async function sold(auction: TestAuction): Promise<void> {
  await auction.state(ending);
  await auction.settle("end", { ...SALE, blockNumber: 10 });
  await auction.state(isArranged);
}

const requests = (auction: TestAuction, count: number): Promise<unknown> =>
  until(`request ${count}`, () => auction.requestedEnds.length >= count);

test.concurrent("an end that is undone while the pass is waited for is asked for again, and another winner gets another meeting", async () => {
  const auction = await startDue(world, {
    script: {
      arrangeMeeting: async (ref, { winner }) =>
        meetingOf(ref, { meetingId: `meeting-of-${ref.auctionId}-${winner}`, winner }),
    },
  });
  await sold(auction);
  await auction.undo("end", "mint");
  await requests(auction, 2);
  expect(await auction.state(ending)).toMatchObject({ winner: null, meetingId: null });

  await auction.settle("end", { winner: OTHER, amountWei: "7", blockNumber: 12 });
  const meetingId = `meeting-of-${auction.input.auctionId}-${OTHER}`;
  expect(await auction.state(isArranged)).toMatchObject({ winner: OTHER, meetingId });
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({
    phase: "meeting",
    winner: OTHER,
    meetingId,
  });
  expect(await statusOf(world.client.workflow.getHandle(meetingWorkflowId(meetingId)))).toBe(
    "RUNNING",
  );
});

test.concurrent("a pass that was minted before the end was undone counts for nothing", async () => {
  const auction = await startDue(world);
  await sold(auction);
  await auction.undo("mint");
  await until(
    "the pass to be asked for again",
    () => world.activities.of(auction.id, "arrangeMeeting").length === 2,
  );
  expect(await auction.state(() => true)).toMatchObject({ phase: "sold", passMinted: false });
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting" });
});

test.concurrent("what is told and taken back while it is being asked for is asked for again at once", async () => {
  for (const [step, kind, before] of [
    ["requestEnd", "end", async () => undefined],
    [
      "arrangeMeeting",
      "mint",
      async (auction: TestAuction) => auction.settle("end", { ...SALE, blockNumber: 10 }),
    ],
  ] as const) {
    const first = Promise.withResolvers<void>();
    let calls = 0;
    const held = async (): Promise<void> => {
      calls += 1;
      if (calls === 1) await first.promise;
    };
    const auction = await startDue(world, {
      script: {
        [step]: async (ref: Parameters<typeof meetingOf>[0]) => {
          await held();
          return step === "arrangeMeeting" ? meetingOf(ref) : undefined;
        },
      },
    });
    await before(auction);
    await until(`${step} to begin`, () => calls === 1);
    await auction.settle(kind, kind === "end" ? { ...SALE, blockNumber: 10 } : {});
    await auction.undo(kind);
    first.resolve();
    await until(`${step} to be called again`, () => calls === 2);
    await auction.handle.terminate();
  }
});

test.concurrent("an end that is undone and due only later puts the process back to sleep", async () => {
  const auction = await startDue(world);
  await sold(auction);
  const later = Date.now() + 3_600_000;
  await auction.handle.signal("reverted", {
    endsAtMs: later,
    cancelled: false,
    blockNumber: 11,
    undone: ["end"],
  });
  expect(await auction.state(({ phase }) => phase === "bidding")).toMatchObject({
    endsAtMs: later,
    winner: null,
  });
  expect(auction.requestedEnds).toHaveLength(1);
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
});

test.concurrent("a step that finds the chain changed waits for what is said next, and asks nobody meanwhile", async () => {
  let unsold = false;
  const auction = await startDue(world, {
    script: { announceUnsold: async () => (unsold ? undefined : CHAIN_CHANGED) },
  });
  await auction.state(ending);
  await auction.settle("end", { blockNumber: 10 });
  await until("the step", () => auction.steps.includes("announceUnsold"));
  await auction.state(({ phase }) => phase === "bidding");
  await until("the wait", () => sleepsUntil(auction.handle));
  expect(auction.steps).toEqual(["requestEnd", "announceUnsold"]);
  expect(await auction.state(() => true)).toMatchObject({ phase: "bidding", winner: null });

  unsold = true;
  await auction.settle("end", { blockNumber: 12 });
  expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });
  expect(world.activities.of(auction.id, "announceUnsold").map((call) => call.args[1])).toEqual([
    10, 12,
  ]);
});

test.concurrent("a sale that the chain took back before it was arranged is not arranged", async () => {
  let asked = 0;
  const auction = await startDue(world, {
    script: {
      arrangeMeeting: async (ref) => {
        asked += 1;
        return asked === 1 ? CHAIN_CHANGED : meetingOf(ref);
      },
    },
  });
  await auction.state(ending);
  await auction.settle("end", { ...SALE, blockNumber: 10 });
  await until("the step", () => asked === 1);
  await auction.undo("end");
  await requests(auction, 2);
  await auction.settle("end", { ...SALE, blockNumber: 12 });
  await auction.state(isArranged);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
});

test.concurrent("an unsold auction whose end is undone while that is announced goes on", async () => {
  const told = Promise.withResolvers<void>();
  const auction = await startDue(world, { script: { announceUnsold: () => told.promise } });
  await auction.state(ending);
  await auction.settle("end", { blockNumber: 10 });
  await until("the announcement", () => auction.steps.includes("announceUnsold"));
  await auction.undo("end");
  told.resolve();
  await requests(auction, 2);
  await auction.settle("end", { ...SALE, blockNumber: 12 });
  expect(await auction.state(isArranged)).toMatchObject({ phase: "sold", ...SALE });
});

test.concurrent("an end refused because of a cancellation ends the process, unless the chain takes it back", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  await auction.settle("end", { status: "refused", reason: "cancelled", blockNumber: 10 });
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled", problem: null });
  expect(world.activities.of(auction.id, "announceCancelled").map((call) => call.args[1])).toEqual([
    10,
  ]);

  const doubtful = await startDue(world, {
    script: { announceCancelled: async () => CHAIN_CHANGED },
  });
  await doubtful.state(ending);
  await doubtful.settle("end", { status: "refused", reason: "cancelled", blockNumber: 10 });
  await until("the step", () => doubtful.steps.includes("announceCancelled"));
  await doubtful.undo("end");
  await requests(doubtful, 2);
  await doubtful.settle("end", { blockNumber: 12 });
  expect(await doubtful.handle.result()).toMatchObject({ phase: "unsold" });
});

test.concurrent.each(["scheduled", "open", "closing"] as const)(
  "a meeting that is withdrawn while %s ends its room and itself",
  async (phase) => {
    const times = { scheduled: { opensInMs: FAR_MS }, open: {}, closing: { endsInMs: 500 } }[phase];
    const meeting = await startMeeting(world, times);
    await meeting.state(
      (state) => state.phase === phase && (phase !== "closing" || state.outcome !== null),
    );
    await meeting.withdraw();
    expect(await meeting.handle.result()).toMatchObject({ phase: "withdrawn", settled: false });
    expect(meeting.steps.at(-1)).toBe("leaveWithdrawn");
    expect(meeting.steps).not.toContain("announceSettlement");
  },
);

test.concurrent("a meeting that was withdrawn before its process began finds that out by itself", async () => {
  const meeting = await startMeeting(world, {}, { openMeeting: async () => CHAIN_CHANGED });
  expect(await meeting.handle.result()).toMatchObject({ phase: "withdrawn" });
  expect(meeting.steps).toEqual(["openMeeting", "leaveWithdrawn"]);
});

test.concurrent("whoever closes a meeting that is then withdrawn is told so", async () => {
  const closing = Promise.withResolvers<1>();
  const meeting = await startMeeting(world, {}, { closeMeeting: () => closing.promise });
  await meeting.phase("open");
  const closed = meeting.close(HOST);
  closed.catch(() => undefined);
  await until("the step", () => meeting.steps.includes("closeMeeting"));
  await meeting.withdraw();
  await expect(closed).rejects.toMatchObject({ cause: { type: "meeting_over" } });
  closing.resolve(1);
  expect(await meeting.handle.result()).toMatchObject({ phase: "withdrawn" });
});
