import { soldAndHeld } from "../histories/scenarios.ts";
import { getTestTemporal } from "../support/stack.ts";
import { createWorld, historyOf, type World } from "./world.ts";

/** Auction and meeting together, sold and held, without an extension and without a reminder. Six show the phases to searches. */
const LIMIT = 84;

let world: World;
beforeAll(async () => {
  world = await createWorld(await getTestTemporal());
  await world.startWorkers();
});
afterAll(() => world.close());

test("an auction that is sold and held leaves a short history", async () => {
  const { auction, meeting } = await soldAndHeld(world);
  const lengths = {
    auction: (await historyOf(auction.handle)).length,
    meeting: (await historyOf(meeting.handle)).length,
  };
  process.stdout.write(`history events: auction ${lengths.auction}, meeting ${lengths.meeting}\n`);
  expect(lengths.auction + lengths.meeting).toBeLessThanOrEqual(LIMIT);
});
