/**
 * An upgrade while auctions sleep and others are being ended: the code before its patches, that code and today's beside it, then
 * today's alone. Nothing is cached, so every workflow task replays its history with whichever build it falls to.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { WorkflowBundle } from "@temporalio/worker";
import { TASK_QUEUES } from "../../src/domain/process.ts";
import { deploymentOptions } from "../../src/workers/builds.ts";
import { PatchHold } from "../../src/workers/patch-hold.ts";
import { size } from "../support/random.ts";
import { getTestTemporal } from "../support/stack.ts";
import { SALE, startAuction, type TestAuction } from "../workflows/auctions.ts";
import { bundleWorkflows, createWorld, eventsOf, until, type World } from "../workflows/world.ts";
import { beforePatches } from "./other-builds.ts";

/** Of each path, with and without search attributes, at least two are woken in each way. */
const SLEEPING = size(32, 100);
const ENDING = size(16, 20);
/** What bids extend, or the test wakes, sleeps for longer than the test may take. */
const FOR_LONG_MS = 3_600_000;
/** The others wake by their timers. The builds have changed by then, but nothing depends on it. */
const SLEEP_MS = size(8_000, 30_000);
/** Only a test that hangs takes so long. */
const TEST_LIMIT_MS = 900_000;

let world: World;
let old: WorkflowBundle;
beforeAll(async () => {
  const bundle = await bundleWorkflows();
  old = beforePatches(bundle);
  world = await createWorld({ ...(await getTestTemporal()), bundle });
});
afterAll(() => world.close());

const NEVER_CACHED = { maxCachedWorkflows: 0 };

const startOld = (): Promise<() => Promise<void>> =>
  world.startAuctionWorker({ ...NEVER_CACHED, workflowBundle: old, identity: "old" });

/** What the product's worker looks at before it uses a patch. */
const holdOf = (goneAfterMs?: number): PatchHold =>
  new PatchHold({
    connection: world.client.connection,
    namespace: world.namespace,
    taskQueue: TASK_QUEUES.auction,
    buildId: "new",
    logger: { info: () => undefined as never },
    ...(goneAfterMs === undefined ? {} : { goneAfterMs }),
  });

async function startNew(isActive: () => boolean, identity = "new"): Promise<() => Promise<void>> {
  return world.startAuctionWorker({
    ...NEVER_CACHED,
    identity,
    workerDeploymentOptions: deploymentOptions("new", undefined),
    patchActivationCallback: isActive,
  });
}

/** How an auction goes, by its number: what is said to it, and the steps that must have run, each exactly so often. */
const PATHS = {
  sold: {
    steps: ["requestEnd", "arrangeMeeting"],
    async play(auction: TestAuction) {
      await auction.settle("end", SALE);
      await until("the meeting", () => auction.steps.includes("arrangeMeeting"));
      await auction.settle("mint");
    },
  },
  unsold: {
    steps: ["requestEnd", "announceUnsold"],
    play: (auction: TestAuction) => auction.settle("end"),
  },
  // The patch "end-cancelled" would end it at once; the code before waits for the indexer's word.
  refused: {
    steps: ["requestEnd", "announceCancelled"],
    async play(auction: TestAuction) {
      await auction.settle("end", { status: "refused", reason: "cancelled", blockNumber: 2 });
      await auction.cancel();
    },
  },
  late: {
    steps: ["requestEnd", "announceUnsold"],
    async play(auction: TestAuction) {
      await auction.settle("end", { status: "refused", reason: "the platform's role is missing" });
      await auction.settle("end");
    },
  },
} as const;
type Path = (typeof PATHS)[keyof typeof PATHS];

interface Going {
  readonly auction: TestAuction;
  readonly path: Path;
}

/** Half of them as they were started before there were search attributes: today's code adds those by a patch. */
async function begin(count: number, endsInMs: number): Promise<Going[]> {
  const paths = Object.values(PATHS);
  const started = Array.from({ length: count }, async (_, n): Promise<Going> => {
    const plain = Math.floor(n / paths.length) % 2 === 0;
    const auction = await startAuction(world, {
      endsInMs,
      ...(plain ? { continueAfterEvents: 10_000 } : {}),
    });
    return { auction, path: paths[n % paths.length] ?? PATHS.sold };
  });
  return Promise.all(started);
}

async function finish({ auction, path }: Going): Promise<void> {
  await until("the request", () => auction.requestedEnds.length > 0);
  await path.play(auction);
  await auction.handle.result();
}

/**
 * The tasks that failed. One that timed out does not count: the server handed it to a worker that was just stopping, or that is
 * too slow on this machine, and hands it out again. One that no worker can ever answer keeps its auction from its end.
 */
async function failuresOf({ handle }: TestAuction): Promise<unknown[]> {
  const failed = await eventsOf(handle, "workflowTaskFailedEventAttributes");
  return failed.map(({ attributes }) => attributes);
}

/** Of the builds that completed its tasks, in order. */
async function buildsOf({ auction }: Going): Promise<string[]> {
  const tasks = await eventsOf(auction.handle, "workflowTaskCompletedEventAttributes");
  return tasks.map(({ attributes }) => attributes.identity ?? "");
}

test(
  "old and new workers side by side, then new ones alone: no task fails and nothing is done twice",
  async () => {
    const stopOld = await startOld();
    const extended = await begin(SLEEPING / 2, FOR_LONG_MS);
    const sleepers = await begin(SLEEPING / 2, SLEEP_MS);
    const ending = await begin(ENDING, 500);
    await until("the requests", () =>
      ending.every(({ auction }) => auction.requestedEnds.length > 0),
    );

    const hold = holdOf();
    await hold.look();
    const stopNew = await startNew(hold.isActive);
    const [first, second] = [ending.slice(0, ENDING / 2), ending.slice(ENDING / 2)];
    // A late bid wakes half of the auctions that sleep while both builds run.
    for (const { auction } of extended) await auction.extend(auction.input.endsAtMs + 500);
    await Promise.all(first.map(finish));
    for (const { auction } of second) await auction.extend(auction.input.endsAtMs + 1);
    await hold.look();
    expect(hold.isActive()).toBe(false);

    await stopOld();
    await stopNew();
    // Five minutes later the server has forgotten the old ones; here they count as gone at once.
    const alone = holdOf(0);
    await alone.look();
    expect(alone.isActive()).toBe(true);
    const stopAlone = await startNew(alone.isActive, "alone");
    // Their end is now, after a reorg.
    for (const { auction } of extended) await auction.revert(Date.now());
    await Promise.all([...second, ...extended, ...sleepers].map(finish));

    await stopAlone();
    const all = [...extended, ...sleepers, ...ending];
    for (const { auction, path } of all) {
      expect([auction.id, auction.steps]).toEqual([auction.id, path.steps]);
      expect([auction.id, await failuresOf(auction)]).toEqual([auction.id, []]);
    }
    expect(world.taskFailures).toEqual([]);
    const carried = await Promise.all(all.map(buildsOf));
    const mixed = carried.filter((one) => one.includes("old") && !one.every((by) => by === "old"));
    process.stdout.write(`${mixed.length} of ${all.length} auctions were carried by both builds\n`);
    expect(mixed.length).toBeGreaterThan(SLEEPING / 2);
  },
  TEST_LIMIT_MS,
);

test(
  "what has taken a patched step cannot be carried on by the build before: why patches wait",
  async () => {
    const stopNew = await startNew(() => true);
    const auction = await startAuction(world, {
      endsInMs: FOR_LONG_MS,
      continueAfterEvents: 10_000,
    });
    await until("the patch", async () => {
      return (await eventsOf(auction.handle, "markerRecordedEventAttributes")).length > 0;
    });
    await stopNew();
    const stopOld = await startOld();
    await auction.extend(auction.input.endsAtMs + 1);
    await until("the failure", async () => {
      const failed = await eventsOf(auction.handle, "workflowTaskFailedEventAttributes");
      return failed.length > 0;
    });
    await stopOld();
    await auction.handle.terminate();
  },
  TEST_LIMIT_MS,
);
