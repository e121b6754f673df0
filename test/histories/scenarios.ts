import {
  CHAIN_CHANGED,
  type MeetingInput,
  meetingWorkflowId,
  type Outcome,
} from "../../src/domain/process.ts";
import {
  endNowUpdate,
  recheckChainUpdate,
  retryFailedStepUpdate,
} from "../../src/workflows/messages.ts";
import { failure, HOST, meetingOf } from "../workflows/activities.ts";
import { SALE, startAuction, type StartOptions, type TestAuction } from "../workflows/auctions.ts";
import { TestMeeting } from "../workflows/meetings.ts";
import { until, type World } from "../workflows/world.ts";
import { asleep, JOB_SCENARIOS, type Runs, type Scenario, WHY } from "./job-scenarios.ts";

export interface Held {
  readonly auction: TestAuction;
  readonly meeting: TestMeeting;
}

/** An auction that is sold, and its meeting, which opens at once and is short. */
async function sell(
  world: World,
  times: Partial<MeetingInput> = {},
  outcome: Outcome = 1,
): Promise<Held> {
  let arranged: MeetingInput | undefined;
  const auction = await startAuction(world, {
    script: {
      arrangeMeeting: async (ref) => {
        const now = Date.now();
        const near = { startsAtMs: now + 500, opensAtMs: now + 500, endsAtMs: now + 1500 };
        arranged ??= meetingOf(ref, { ...near, latestEndsAtMs: now + 3_600_000, ...times });
        world.activities.script(meetingWorkflowId(arranged.meetingId), {
          closeMeeting: async () => outcome,
        });
        return arranged;
      },
    },
  });
  await until("the request", () => auction.requestedEnds.length > 0);
  await asleep(auction);
  await auction.settle("end", SALE);
  const input = await until("the meeting", () => arranged);
  await asleep(auction);
  await auction.settle("mint");
  await auction.handle.result();
  return { auction, meeting: new TestMeeting(world, input) };
}

async function settle(meeting: TestMeeting): Promise<void> {
  await meeting.state(({ outcome }) => outcome !== null);
  await asleep(meeting);
  await meeting.settle();
  await meeting.handle.result();
}

/** Sold and held, without an extension and without a reminder: the common case. */
export async function soldAndHeld(world: World): Promise<Held> {
  const held = await sell(world);
  await settle(held.meeting);
  return held;
}

const runsOf = ({ auction, meeting }: Held): Runs => ({
  auction: auction.handle,
  meeting: meeting.handle,
});

/** An auction that has asked for its end and got its answer. */
async function ended(world: World, options: StartOptions = {}): Promise<TestAuction> {
  const auction = await startAuction(world, options);
  await until("the request", () => auction.requestedEnds.length > 0);
  await asleep(auction);
  return auction;
}

/** A reorg takes back the end while it is being asked for, and that answer comes late. Ends unsold. */
async function revertedWhileAsking(world: World): Promise<TestAuction> {
  const recorded = Promise.withResolvers<void>();
  const auction = await startAuction(world, { script: { requestEnd: () => recorded.promise } });
  await until("the request", () => auction.requestedEnds.length > 0);
  await auction.undo("end");
  await auction.state(() => true);
  recorded.resolve();
  return auction;
}

/** Every way an auction and a meeting may go that a change of the code must not break. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "sold-and-held": async (world) => runsOf(await soldAndHeld(world)),

  // The same with search attributes, which processes that began earlier do not have.
  "sold-and-searchable": async (world) => runsOf(await soldAndHeld(world)),

  unsold: async (world) => {
    const auction = await ended(world);
    await auction.settle("end");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  cancelled: async (world) => {
    const auction = await startAuction(world, { endsInMs: 60_000 });
    await auction.state(() => true);
    await auction.cancel();
    await auction.handle.result();
    return { auction: auction.handle };
  },

  "cancelled-while-ending": async (world) => {
    const auction = await ended(world);
    await auction.cancel();
    await auction.handle.result();
    return { auction: auction.handle };
  },

  extended: async (world) => {
    const auction = await startAuction(world, { endsInMs: 1000 });
    await auction.state(() => true);
    const extended = auction.input.endsAtMs + 700;
    await auction.extend(extended);
    await auction.state(({ endsAtMs }) => endsAtMs === extended);
    await until("the request", () => auction.requestedEnds.length > 0);
    await auction.settle("end");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  "host-absent": async (world) => {
    const held = await sell(world, {}, 2);
    await settle(held.meeting);
    return { meeting: held.meeting.handle };
  },

  "extended-and-closed-early": async (world) => {
    const held = await sell(world, { remindAtMs: Date.now() + 1500 });
    await held.meeting.phase("open");
    await held.meeting.extend(5);
    await held.meeting.close();
    await settle(held.meeting);
    return { meeting: held.meeting.handle };
  },

  "refused-then-done": async (world) => {
    const auction = await ended(world);
    await auction.settle("end", { status: "refused", reason: "the platform's role is missing" });
    await auction.state(({ problem }) => problem !== null);
    await auction.settle("end", SALE);
    await auction.state(({ meetingId }) => meetingId !== null);
    await auction.settle("mint", { status: "refused", reason: "the pass is paused" });
    await auction.state(({ problem }) => problem !== null);
    await auction.settle("mint");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  "sold-twice": async (world) => {
    const auction = await ended(world);
    await auction.settle("end", { ...SALE, blockNumber: 5 });
    await auction.state(({ phase, meetingId }) => phase === "sold" && meetingId !== null);
    await asleep(auction);
    await auction.undo("end");
    await until("the second request", () => auction.requestedEnds.length > 1);
    await asleep(auction);
    await auction.settle("end", { winner: HOST, amountWei: "7", blockNumber: 6 });
    await auction.state(({ winner, meetingId }) => winner === HOST && meetingId !== null);
    await asleep(auction);
    await auction.settle("mint");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  "chain-changed": async (world) => {
    let changed = true;
    const auction = await ended(world, {
      script: {
        announceUnsold: async () => {
          if (!changed) return undefined;
          changed = false;
          return CHAIN_CHANGED;
        },
      },
    });
    await auction.settle("end", { blockNumber: 5 });
    await until("the step", () => !changed);
    await asleep(auction);
    await auction.settle("end", { blockNumber: 6 });
    await auction.handle.result();
    return { auction: auction.handle };
  },

  "end-refused-as-cancelled": async (world) => {
    const auction = await ended(world);
    await auction.settle("end", { status: "refused", reason: "cancelled", blockNumber: 5 });
    await auction.handle.result();
    return { auction: auction.handle };
  },

  withdrawn: async (world) => {
    const held = await sell(world, { endsAtMs: Date.now() + 600_000 });
    await held.meeting.phase("open");
    await asleep(held.meeting);
    await held.meeting.withdraw();
    await held.meeting.handle.result();
    return { meeting: held.meeting.handle };
  },

  overruled: async (world) => {
    const held = await sell(world, { endsAtMs: Date.now() + 600_000 });
    await held.meeting.phase("open");
    // The pass moved on, and Jitsi is told to end the room.
    await held.meeting.leaveRoom();
    await until("the room to be ended", () => held.meeting.steps.includes("endRooms"));
    await held.meeting.close();
    await asleep(held.meeting);
    await held.meeting.overrule({ outcome: 3 });
    await settle(held.meeting);
    return { meeting: held.meeting.handle };
  },

  "operator-repair": async (world) => {
    let mended = false;
    const auction = await startAuction(world, {
      script: {
        requestEnd: async () => {
          if (!mended) throw failure("role_missing", "the platform may not end", true);
        },
      },
    });
    await auction.state(({ problem }) => problem !== null);
    mended = true;
    await auction.handle.executeUpdate(retryFailedStepUpdate, { args: [WHY] });
    await auction.state(({ problem }) => problem === null);
    await until("the end", () => Date.now() > auction.input.endsAtMs);
    await auction.handle.executeUpdate(endNowUpdate, { args: [WHY] });
    await auction.handle.executeUpdate(recheckChainUpdate, { args: [WHY] });
    await asleep(auction);
    await auction.settle("end", SALE);
    await auction.state(({ meetingId }) => meetingId !== null);
    await asleep(auction);
    await auction.settle("mint");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  // The two histories of docs/versions.md: the code before the patch waits out its five minutes (here the answer comes after
  // all), the code with it asks again at once.
  "before-reverts-while-asking": async (world) => {
    world.heldPatches.add("reverts-while-asking");
    const auction = await revertedWhileAsking(world);
    await asleep(auction);
    await auction.settle("end");
    await auction.handle.result();
    world.heldPatches.delete("reverts-while-asking");
    return { auction: auction.handle };
  },

  "after-reverts-while-asking": async (world) => {
    const auction = await revertedWhileAsking(world);
    await until("the second request", () => auction.requestedEnds.length > 1);
    await asleep(auction);
    await auction.settle("end");
    await auction.handle.result();
    return { auction: auction.handle };
  },

  ...JOB_SCENARIOS,

  "new-run-while-refused": async (world) => {
    const auction = await startAuction(world, { continueAfterEvents: 20 });
    const { runId } = await auction.handle.describe();
    await until("the request", () => auction.requestedEnds.length > 0);
    await until("a second run", async () => {
      await auction.settle("end", { status: "refused", reason: "transaction_reverted" });
      return (await auction.handle.describe()).runId !== runId;
    });
    await asleep(auction);
    await auction.settle("end");
    await auction.handle.result();
    const first = world.client.workflow.getHandle(auction.id, runId);
    return { first, last: world.client.workflow.getHandle(auction.id) };
  },

  "continue-as-new": async (world) => {
    const auction = await startAuction(world, { endsInMs: 60_000, continueAfterEvents: 10 });
    const { runId } = await auction.handle.describe();
    let { endsAtMs } = auction.input;
    await until("a second run", async () => {
      endsAtMs += 1;
      await auction.extend(endsAtMs);
      return (await auction.handle.describe()).runId !== runId;
    });
    await auction.cancel();
    await auction.handle.result();
    const first = world.client.workflow.getHandle(auction.id, runId);
    return { first, last: world.client.workflow.getHandle(auction.id) };
  },
};
