import { SALE, startBidding, type TestAuction } from "./auctions.ts";
import { until, type World } from "./world.ts";
import { useOwnWorld } from "./own-world.ts";

let world: World;
useOwnWorld((own) => void (world = own));

/** The id of the newest run. */
async function runOf(auction: TestAuction): Promise<string> {
  return (await auction.handle.describe()).runId;
}

test.concurrent("an auction whose history grew long goes on in a new run with all it knew", async () => {
  const auction = await startBidding(world, { continueAfterEvents: 12 });
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

test.concurrent("messages sent around the change of runs are not lost", async () => {
  // More events than one run holds, while it changes over and over again.
  const auction = await startBidding(world, { continueAfterEvents: 10 });
  const runs = new Set([await runOf(auction)]);
  const start = auction.input.endsAtMs;
  let sent = 0;
  await until("a third run", async () => {
    for (let n = 0; n < 10; n += 1) {
      sent += 1;
      await auction.extend(start + sent);
    }
    runs.add(await runOf(auction));
    // A slow worker takes what comes in one batch, which is one run.
    return sent >= 40 && runs.size > 2;
  });
  await auction.state(({ endsAtMs }) => endsAtMs === start + sent);
  await auction.moveEndNear();
  await until("the request", () => auction.requestedEnds.length === 1);
  await auction.settle("end", SALE);
  await auction.settle("mint");
  expect(await auction.handle.result()).toMatchObject({ phase: "meeting", ...SALE });
});

test.concurrent("a cancellation in the same batch as the change of runs cancels the auction", async () => {
  const auction = await startBidding(world, { continueAfterEvents: 8 });
  const start = auction.input.endsAtMs;
  await Promise.all([auction.extend(start + 1), auction.extend(start + 2), auction.cancel()]);
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
});
