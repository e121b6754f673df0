/**
 * Who wins when a message and the time come together. After an outage of the worker both are applied in one
 * activation, the message first, whichever came first: only the clock may decide.
 */
import type { AuctionState } from "../../src/domain/process.ts";
import { getTestTemporal } from "../support/stack.ts";
import { failure } from "./activities.ts";
import { SALE, startAuction, type TestAuction } from "./auctions.ts";
import { createWorld, eventsOf, impatient, until, type World } from "./world.ts";

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

/** Waits until the server has fired the auction's timer. */
async function timerFired(auction: TestAuction): Promise<number> {
  const fired = await until("the timer to fire", async () => {
    const found = await eventsOf(auction.handle, "timerFiredEventAttributes");
    return found.length > 0 ? found : undefined;
  });
  return fired[0]?.eventId ?? Number.NaN;
}

async function signalled(auction: TestAuction): Promise<number> {
  const found = await eventsOf(auction.handle, "workflowExecutionSignaledEventAttributes");
  return found.at(-1)?.eventId ?? Number.NaN;
}

/** The end was asked for once, for `endsAtMs`, and not before it was time. */
async function expectAskedOnce(auction: TestAuction, endsAtMs: number): Promise<void> {
  await until("the request", () => auction.requestedEnds.length > 0);
  expect(auction.requestedEnds).toEqual([seconds(endsAtMs)]);
  const [asked] = world.activities.of(auction.id, "requestEnd");
  expect(asked?.atMs).toBeGreaterThanOrEqual(endsAtMs - auction.leadMs);
}

test("extensions while people bid move the end, each from where the last one left it", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  const start = auction.input.endsAtMs;
  for (const more of [300, 700, 1100]) await auction.extend(start + more);
  expect(await auction.state(({ endsAtMs }) => endsAtMs === start + 1100)).toMatchObject({
    phase: "bidding",
  });
  await auction.state(ending);
  await expectAskedOnce(auction, start + 1100);
});

test("extensions that come twice or in the wrong order never shorten an auction", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  const start = auction.input.endsAtMs;
  for (const more of [1000, 400, 1000, 0]) await auction.extend(start + more);
  await auction.state(ending);
  expect(await auction.state(() => true)).toMatchObject({ endsAtMs: start + 1000 });
  await expectAskedOnce(auction, start + 1000);
});

test("an extension of seconds after the end was asked for is shown and left to the sender", async () => {
  const auction = await startAuction(world);
  await auction.state(ending);
  const extended = auction.input.endsAtMs + 2000;
  await auction.extend(extended);
  await auction.state(({ phase, endsAtMs }) => phase === "ending" && endsAtMs === extended);
  await auction.settle("end", SALE);
  await auction.state(({ phase }) => phase === "sold");
  await expectAskedOnce(auction, auction.input.endsAtMs);
});

test("a chain that takes an extension back moves the end back", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  const start = auction.input.endsAtMs;
  await auction.extend(start + 3_600_000);
  await auction.state(({ endsAtMs }) => endsAtMs > start);
  await auction.revert(start);
  await auction.state(ending);
  await expectAskedOnce(auction, start);
});

test("worker down, the extension comes before the timer fires: the new end counts", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  await auction.state(({ phase }) => phase === "bidding");
  await stop();
  const extended = auction.input.endsAtMs + 2000;
  await auction.extend(extended);
  expect(await signalled(auction)).toBeLessThan(await timerFired(auction));
  stop = await world.startWorkers();
  await auction.state(ending);
  await expectAskedOnce(auction, extended);
});

test("worker down, the timer fires before the extension comes: the new end counts all the same", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  await auction.state(({ phase }) => phase === "bidding");
  await stop();
  const fired = await timerFired(auction);
  const extended = auction.input.endsAtMs + 2000;
  await auction.extend(extended);
  expect(fired).toBeLessThan(await signalled(auction));
  stop = await world.startWorkers();
  await auction.state(ending);
  await expectAskedOnce(auction, extended);
});

test("worker down until the extended end has passed: the end is asked for at once, for the new end", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  await auction.state(({ phase }) => phase === "bidding");
  await stop();
  await timerFired(auction);
  const extended = auction.input.endsAtMs + 1000;
  await auction.extend(extended);
  await until("the new end to pass", () => Date.now() > extended);
  stop = await world.startWorkers();
  await auction.state(ending);
  await expectAskedOnce(auction, extended);
});

test("worker down, a cancellation after the timer fired: cancelled, and the end is not asked for", async () => {
  const auction = await startAuction(world, { endsInMs: 1000 });
  await auction.state(({ phase }) => phase === "bidding");
  await stop();
  await timerFired(auction);
  await auction.cancel();
  stop = await world.startWorkers();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
  expect(auction.steps).toEqual(["announceCancelled"]);
});

test("what the sender says while the worker is down is heard in any order and however often", async () => {
  const auction = await startAuction(world);
  await auction.state(ending);
  await stop();
  await auction.settle("mint");
  await auction.settle("end", { status: "refused", reason: "not yet" });
  await auction.settle("end", SALE);
  await auction.settle("end", SALE);
  // Late and out of order: what is done stays done.
  await auction.settle("end", { status: "refused", reason: "not yet" });
  await auction.settle("mint", { status: "refused", reason: "not yet" });
  stop = await world.startWorkers();
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
  expect(auction.steps).toEqual(["requestEnd", "arrangeMeeting"]);
});

test("a worker that keeps nothing in memory comes to the same end", async () => {
  await stop();
  stop = await world.startWorkers({ maxCachedWorkflows: 0 });
  const auction = await startAuction(world, { endsInMs: 1000 });
  const extended = auction.input.endsAtMs + 500;
  await auction.extend(extended);
  await expectAskedOnce(auction, extended);
  await auction.settle("end", SALE);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
  expect(auction.steps).toEqual(["requestEnd", "arrangeMeeting"]);
  await stop();
  stop = await world.startWorkers();
});

describe("with waits of half a second instead of five minutes", () => {
  beforeAll(async () => {
    await stop();
    stop = await world.startWorkers({ workflowBundle: impatient(world.bundle, 500) });
  });

  test("a refused step is tried again until it succeeds", async () => {
    let refusals = 2;
    const auction = await startAuction(world, {
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

  test("an operation nobody answers for is asked for again", async () => {
    const auction = await startAuction(world);
    await until("a second request", () => auction.requestedEnds.length >= 2);
    await auction.settle("end", SALE);
    const arranged = (): number => world.activities.of(auction.id, "arrangeMeeting").length;
    await until("a second arrangement", () => arranged() >= 2);
    await auction.settle("mint");
    expect(await auction.handle.result()).toMatchObject({ phase: "meeting" });
  });

  test("an end that moves far away sends the process back to sleep", async () => {
    const auction = await startAuction(world);
    await auction.state(ending);
    await auction.revert(auction.input.endsAtMs + 3_600_000);
    await auction.state(({ phase }) => phase === "bidding");
    const end = Date.now() + 500;
    await auction.revert(end);
    await until("the request", () => auction.requestedEnds.includes(seconds(end)));
    await auction.settle("end");
    expect(await auction.handle.result()).toMatchObject({ phase: "unsold" });
  });
});
