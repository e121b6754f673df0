/** Deployment versions on a real server, and what a worker that stops does with what it has begun. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Context } from "@temporalio/activity";
import { parse } from "yaml";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { deploymentOptions, idOf, loadBuild } from "../../src/workers/builds.ts";
import { SHARED_TUNING, SHUTDOWN_GRACE_MS } from "../../src/workers/tuning.ts";
import { getTestTemporal } from "../support/stack.ts";
import { startAuction } from "../workflows/auctions.ts";
import { createWorld, eventsOf, until, type World } from "../workflows/world.ts";

const DEPLOYMENT = "meeting-auction";

let world: World;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
});
afterAll(() => world.close());

/** What `temporal worker deployment set-current-version` does; a version is known once its worker has asked for tasks. */
async function makeCurrent(buildId: string): Promise<void> {
  await until(`${buildId} to be current`, async () => {
    try {
      await world.client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: world.namespace,
        deploymentName: DEPLOYMENT,
        buildId,
      });
      return true;
    } catch {
      return false;
    }
  });
}

test("without a name the code names itself by its hash, wherever and whenever it is bundled", async () => {
  const { id, code } = await loadBuild({});
  expect(id).toBe(idOf(code));
  expect((await loadBuild({})).id).toBe(id);
  expect((await loadBuild({ WORKER_BUILD_ID: "2026-11-23.1" })).id).toBe("2026-11-23.1");
});

test("a worker whose activity ends within the grace period finishes it, and takes nothing new", async () => {
  const asked = Promise.withResolvers<void>();
  const stop = await world.startAuctionWorker(SHARED_TUNING);
  const auction = await startAuction(world, { script: { requestEnd: () => asked.promise } });
  await until("the activity", () => auction.requestedEnds.length === 1);
  const stopping = stop();
  asked.resolve();
  await stopping;
  const completed = await eventsOf(auction.handle, "activityTaskCompletedEventAttributes");
  expect(completed).toHaveLength(1);
  const again = await world.startAuctionWorker(SHARED_TUNING);
  await auction.settle("end");
  await auction.handle.result();
  // Nothing ran a second time.
  expect(auction.steps).toEqual(["requestEnd", "announceUnsold"]);
  await again();
});

test("what is longer than the grace period is told to stop and is taken up by the next worker", async () => {
  let attempts = 0;
  const tuning = { ...SHARED_TUNING, shutdownGraceTime: 200 };
  const stop = await world.startAuctionWorker(tuning);
  const auction = await startAuction(world, {
    script: {
      requestEnd: async () => {
        attempts += 1;
        if (attempts === 1) await Context.current().cancelled;
      },
    },
  });
  await until("the activity", () => attempts === 1);
  await stop();
  const again = await world.startAuctionWorker(tuning);
  await until("the next attempt", () => attempts === 2);
  await auction.settle("end");
  await auction.handle.result();
  await again();
});

test("every supervisor waits longer than the product takes to stop, and that longer than its activities may", () => {
  const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");
  const limitMs = Number(
    /SHUTDOWN_LIMIT_MS = ([\d_]+)/.exec(read("src/run-process.ts"))?.[1]?.replaceAll("_", ""),
  );
  const compose = parse(read("docker-compose.yml"), { merge: true, uniqueKeys: false }) as {
    "x-product": { stop_grace_period: string };
  };
  const kubernetesS = Number(
    /terminationGracePeriodSeconds\n\s+value: (\d+)/.exec(
      read("deploy/kubernetes/base/kustomization.yml"),
    )?.[1],
  );
  expect(SHUTDOWN_GRACE_MS).toBeLessThan(limitMs);
  expect(limitMs).toBeLessThan(Number.parseInt(compose["x-product"].stop_grace_period, 10) * 1_000);
  expect(limitMs).toBeLessThan(kubernetesS * 1_000);
});

test("with a deployment an auction moves to the version that is made current, when it wakes", async () => {
  const worker = (buildId: string): Promise<() => Promise<void>> =>
    world.startAuctionWorker({
      identity: buildId,
      workerDeploymentOptions: deploymentOptions(buildId, DEPLOYMENT),
    });
  const stopFirst = await worker("build-1");
  await makeCurrent("build-1");
  const auction = await startAuction(world, { endsInMs: 3_600_000 });
  await auction.state(() => true);
  const stopSecond = await worker("build-2");
  await auction.extend(auction.input.endsAtMs + 1);
  await auction.state(({ endsAtMs }) => endsAtMs === auction.input.endsAtMs + 1);
  const builds = async (): Promise<unknown[]> =>
    (await eventsOf(auction.handle, "workflowTaskCompletedEventAttributes")).map(
      ({ attributes }) => attributes.identity,
    );
  await until("the task", async () => (await builds()).length >= 2);
  expect(new Set(await builds())).toEqual(new Set(["build-1"]));

  await makeCurrent("build-2");
  await until("the new version to have it", async () => {
    await auction.extend(auction.input.endsAtMs + 2);
    return (await builds()).includes("build-2");
  });
  await stopFirst();
  await auction.cancel();
  expect(await auction.handle.result()).toMatchObject({ phase: "cancelled" });
  expect((await builds()).at(-1)).toBe("build-2");
  expect(await eventsOf(auction.handle, "workflowTaskFailedEventAttributes")).toEqual([]);
  await stopSecond();
});
