// Queries that reach workflows in the instant in which they wake: an operator's page in the Temporal Web UI is enough.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { AuctionState } from "../../src/domain/process.ts";
import { getTestTemporal } from "../support/stack.ts";
import { startAuction, type TestAuction } from "./auctions.ts";
import { createWorld, type World } from "./world.ts";

const AUCTIONS = 150;

let world: World;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
});
// Replays every execution, which is the point of this file.
afterAll(async () => {
  await world.close();
  expect(world.taskFailures).toEqual([]);
});

/** Asks until the end is requested. A query that meets the race may itself fail; that harms nobody. */
async function queryUntilEnding({ handle }: TestAuction): Promise<void> {
  for (let phase = ""; phase !== "ending";)
    phase = await handle.query<AuctionState>("state").then(
      (state) => state.phase,
      () => "unknown",
    );
}

test("workflows replay after queries that met them together with their timers", async () => {
  const started = Array.from({ length: AUCTIONS }, (_, index) =>
    startAuction(world, { endsInMs: 1_500 + index * 30, leadMs: 200 }),
  );
  const auctions = await Promise.all(started);
  await Promise.all(auctions.flatMap((one) => [queryUntilEnding(one), queryUntilEnding(one)]));
  for (const one of auctions) await one.settle("end");
  const over = await Promise.all(auctions.map((one) => one.handle.result()));
  expect(new Set(over.map(({ phase }) => phase))).toEqual(new Set(["unsold"]));
  // A timer that fired is not waited for again.
  for (const one of auctions) expect(one.requestedEnds).toHaveLength(1);
});
