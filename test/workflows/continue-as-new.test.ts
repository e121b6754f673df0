import { getTestTemporal } from "../support/stack.ts";
import { SALE, startAuction, type TestAuction } from "./auctions.ts";
import { createWorld, until, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
});
afterAll(async () => {
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

/** The id of the newest run. */
async function runOf(auction: TestAuction): Promise<string> {
  return (await auction.handle.describe()).runId;
}

test("an auction whose history grew long goes on in a new run with all it knew", async () => {
  const auction = await startAuction(world, { endsInMs: 60_000, continueAfterEvents: 12 });
  const firstRun = await runOf(auction);
  const start = auction.input.endsAtMs;
  let endsAtMs = start;
  await until("a second run", async () => {
    endsAtMs += 1;
    await auction.extend(endsAtMs);
    return (await runOf(auction)) !== firstRun;
  });
  const extended = await auction.state((state) => state.endsAtMs === endsAtMs);
  expect(extended).toMatchObject({ phase: "bidding" });
  const first = world.client.workflow.getHandle(auction.id, firstRun);
  expect((await first.describe()).status.name).toBe("CONTINUED_AS_NEW");
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
  expect(auction.steps).toEqual(["announceCancelled"]);
});

test("messages sent around the change of runs are not lost", async () => {
  // More events than one run holds, while it changes over and over again.
  const auction = await startAuction(world, { endsInMs: 60_000, continueAfterEvents: 10 });
  const runs = new Set([await runOf(auction)]);
  const start = auction.input.endsAtMs;
  for (let n = 1; n <= 40; n += 1) {
    await auction.extend(start + n);
    if (n % 10 === 0) runs.add(await runOf(auction));
  }
  await auction.state(({ endsAtMs }) => endsAtMs === start + 40);
  runs.add(await runOf(auction));
  expect(runs.size).toBeGreaterThan(2);
  await auction.revert(Date.now() + 500);
  await until("the request", () => auction.requestedEnds.length === 1);
  await auction.settle("end", SALE);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
});

test("a cancellation in the same batch as the change of runs cancels the auction", async () => {
  const auction = await startAuction(world, { endsInMs: 60_000, continueAfterEvents: 8 });
  const start = auction.input.endsAtMs;
  await Promise.all([auction.extend(start + 1), auction.extend(start + 2), auction.cancel()]);
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
});
