/**
 * Who wins when a message and the time come together. After an outage of the worker both are applied in one
 * activation, the message first, whichever came first: only the clock may decide.
 */
import type { AuctionState } from "../../src/domain/process.ts";
import { getTestTemporal } from "../support/stack.ts";
import { failure } from "./activities.ts";
import {
  FAR_MS,
  SALE,
  startAuction,
  startBidding,
  startDue,
  type TestAuction,
} from "./auctions.ts";
import { createWorld, eventsOf, impatient, sleepsUntil, until, type World } from "./world.ts";

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

const ending = ({ phase }: AuctionState): boolean => phase === "ending";
const seconds = (ms: number): number => Math.floor(ms / 1000);

/** The end was asked for once, for `endsAtMs`, and not before it was time. */
async function expectAskedOnce(auction: TestAuction, endsAtMs: number): Promise<void> {
  await until("the request", () => auction.requestedEnds.length > 0);
  expect(auction.requestedEnds).toEqual([seconds(endsAtMs)]);
  const [asked] = world.activities.of(auction.id, "requestEnd");
  expect(asked?.atMs).toBeGreaterThanOrEqual(endsAtMs - auction.leadMs);
}

test.concurrent("extensions while people bid move the end, each from where the last one left it", async () => {
  const auction = await startBidding(world);
  const start = auction.input.endsAtMs;
  await auction.sleepsUntilEnd();
  for (const more of [300, 700, 1100]) {
    await auction.extend(start + more);
    await auction.sleepsUntilEnd(start + more);
  }
  expect(await auction.state(({ endsAtMs }) => endsAtMs === start + 1100)).toMatchObject({
    phase: "bidding",
  });
  const end = await auction.moveEndNear();
  await auction.state(ending);
  await expectAskedOnce(auction, end);
});

test.concurrent("extensions that come twice or in the wrong order never shorten an auction", async () => {
  const auction = await startBidding(world);
  const start = auction.input.endsAtMs;
  for (const more of [1000, 400, 1000, 0]) await auction.extend(start + more);
  await auction.sleepsUntilEnd(start + 1000);
  // A query is answered after every signal that came before it.
  expect(await auction.state(() => true)).toMatchObject({ endsAtMs: start + 1000 });
  await auction.sleepsUntilEnd(start + 1000);
  const end = await auction.moveEndNear();
  await auction.state(ending);
  await expectAskedOnce(auction, end);
});

test.concurrent("an extension of seconds after the end was asked for is shown and left to the sender", async () => {
  const auction = await startDue(world);
  await auction.state(ending);
  const extended = auction.input.endsAtMs + 2000;
  await auction.extend(extended);
  await auction.state(({ phase, endsAtMs }) => phase === "ending" && endsAtMs === extended);
  await auction.settle("end", SALE);
  await auction.state(({ phase }) => phase === "sold");
  await expectAskedOnce(auction, auction.input.endsAtMs);
});

test.concurrent("a chain that takes an extension back moves the end back", async () => {
  const auction = await startBidding(world);
  const extended = auction.input.endsAtMs + FAR_MS;
  await auction.extend(extended);
  await auction.sleepsUntilEnd(extended);
  await auction.state(({ endsAtMs }) => endsAtMs === extended);
  await auction.revert(auction.input.endsAtMs);
  await auction.sleepsUntilEnd();
  const end = await auction.moveEndNear();
  await auction.state(ending);
  await expectAskedOnce(auction, end);
});

describe("worker down", () => {
  let extendedBefore: TestAuction;
  let extendedAfter: TestAuction;
  let extendedShortly: TestAuction;
  let cancelled: TestAuction;
  let answered: TestAuction;

  /** The ids of the events: the lower one came first. */
  const fired = async ({ handle }: TestAuction): Promise<number | undefined> =>
    (await eventsOf(handle, "timerFiredEventAttributes"))[0]?.eventId;
  const signalled = async ({ handle }: TestAuction): Promise<number | undefined> =>
    (await eventsOf(handle, "workflowExecutionSignaledEventAttributes")).at(-1)?.eventId;

  /**
   * Stops the worker while auctions sleep until their end, and extends the first before its timer fires. Where a timer fired before
   * that, the machine is slow: once more, with twice the time.
   */
  async function stopWhileAsleep(count: number): Promise<TestAuction[]> {
    for (let endsInMs = 1500; ; endsInMs *= 2) {
      const auctions = await Promise.all(
        Array.from({ length: count }, () => startAuction(world, { endsInMs })),
      );
      for (const one of auctions)
        await until(
          "it to sleep",
          async () => one.steps.length > 0 || (await sleepsUntil(one.handle)),
        );
      await stop();
      await auctions[0]?.extend(auctions[0].input.endsAtMs + 2000);
      const late = await Promise.all(
        auctions.map(async (one) => one.steps.length > 0 || (await fired(one)) !== undefined),
      );
      if (late.every((one) => !one)) return auctions;
      for (const { handle } of auctions) await handle.terminate();
      stop = await world.startWorkers();
    }
  }

  beforeAll(async () => {
    answered = await startDue(world);
    await until("its wait", () => sleepsUntil(answered.handle));
    const asleep = await stopWhileAsleep(4);
    [extendedBefore, extendedAfter, extendedShortly, cancelled] = asleep as [
      TestAuction,
      TestAuction,
      TestAuction,
      TestAuction,
    ];
    for (const one of asleep) await until("the timer to fire", () => fired(one));
    await extendedAfter.extend(extendedAfter.input.endsAtMs + 2000);
    const soon = extendedShortly.input.endsAtMs + 1000;
    await extendedShortly.extend(soon);
    await cancelled.cancel();
    await answered.settle("mint");
    await answered.settle("end", { status: "refused", reason: "not yet" });
    await answered.settle("end", SALE);
    await answered.settle("end", SALE);
    // Late and out of order: what is done stays done.
    await answered.settle("end", { status: "refused", reason: "not yet" });
    await answered.settle("mint", { status: "refused", reason: "not yet" });
    await until("the new end to pass", () => Date.now() > soon);
    stop = await world.startWorkers();
  });

  test("worker down, the extension comes before the timer fires: the new end counts", async () => {
    expect(await signalled(extendedBefore)).toBeLessThan(Number(await fired(extendedBefore)));
    await extendedBefore.state(ending);
    await expectAskedOnce(extendedBefore, extendedBefore.input.endsAtMs + 2000);
  });

  test("worker down, the timer fires before the extension comes: the new end counts all the same", async () => {
    expect(await fired(extendedAfter)).toBeLessThan(Number(await signalled(extendedAfter)));
    await extendedAfter.state(ending);
    await expectAskedOnce(extendedAfter, extendedAfter.input.endsAtMs + 2000);
  });

  test("worker down until the extended end has passed: the end is asked for at once, for the new end", async () => {
    await extendedShortly.state(ending);
    await expectAskedOnce(extendedShortly, extendedShortly.input.endsAtMs + 1000);
    // No timer but the one that fired while the worker was away, and the wait for the answer.
    const timers = await eventsOf(extendedShortly.handle, "timerFiredEventAttributes");
    expect(timers).toHaveLength(1);
  });

  test("worker down, a cancellation after the timer fired: cancelled, and the end is not asked for", async () => {
    expect(await fired(cancelled)).toBeLessThan(Number(await signalled(cancelled)));
    expect(await cancelled.handle.result()).toMatchObject({ phase: "cancelled" });
    expect(cancelled.steps).toEqual(["announceCancelled"]);
  });

  test("what the sender says while the worker is down is heard in any order and however often", async () => {
    expect(await answered.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
    expect(answered.steps).toEqual(["requestEnd", "arrangeMeeting"]);
  });
});

test("a worker that keeps nothing in memory comes to the same end", async () => {
  await stop();
  stop = await world.startWorkers({ maxCachedWorkflows: 0 });
  const auction = await startBidding(world);
  const extended = auction.input.endsAtMs + 500;
  await auction.extend(extended);
  await auction.sleepsUntilEnd(extended);
  await expectAskedOnce(auction, await auction.moveEndNear());
  await auction.settle("end", SALE);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
  expect(auction.steps).toEqual(["requestEnd", "arrangeMeeting"]);
});

describe("with waits of half a second instead of five minutes", () => {
  beforeAll(async () => {
    await stop();
    stop = await world.startWorkers({ workflowBundle: impatient(world.bundle, 500) });
  });

  test.concurrent("a refused step is tried again until it succeeds", async () => {
    let refusals = 2;
    const auction = await startDue(world, {
      script: {
        requestEnd: async () => {
          refusals -= 1;
          if (refusals >= 0) throw failure("role_missing", "not allowed", true);
        },
      },
    });
    await until("the third try", () => auction.steps.length === 3);
    await auction.state(({ problem }) => problem === null);
    await auction.settle("end");
    expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });
  });

  test.concurrent("an operation nobody answers for is asked for again", async () => {
    const auction = await startDue(world);
    await until("a second request", () => auction.requestedEnds.length >= 2);
    await auction.settle("end", SALE);
    const arranged = (): number => world.activities.of(auction.id, "arrangeMeeting").length;
    await until("a second arrangement", () => arranged() >= 2);
    await auction.settle("mint");
    expect(await auction.handle.result()).toMatchObject({ phase: "meeting" });
  });

  test.concurrent("an end that moves far away sends the process back to sleep", async () => {
    const auction = await startDue(world);
    await auction.state(ending);
    await auction.revert(auction.input.endsAtMs + FAR_MS);
    await auction.state(({ phase }) => phase === "bidding");
    await auction.sleepsUntilEnd(auction.input.endsAtMs + FAR_MS);
    const end = await auction.moveEndNear();
    await until("the request", () => auction.requestedEnds.includes(seconds(end)));
    await auction.settle("end");
    expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });
  });
});
