// Six fixed seeds of the simulation, and the short stories that went red before something was mended. The soak plays the long ones
// (long-stories.soak.ts); what they had found is tested directly, too.
import { digestOf, makePlan } from "./plan.ts";
import { regressions } from "./regressions.ts";
import type { Servers } from "./servers.ts";
import { expectNoViolation, RUN_LIMIT_MS, testServers } from "./support.ts";

const AUCTIONS = 6;
/** Chosen so that together they have every kind of fault, every way of a reorg, and every setting that a plan can have. Kills have their own test. */
const SEEDS = [6, 472, 655, 749, 1255, 1493];

let servers: Servers;
beforeAll(async () => {
  servers = await testServers();
});
afterAll(() => servers.stop());

test("a seed gives the same plan each time, and another seed another one", () => {
  const digest = (seed: number): string => digestOf(makePlan({ seed, auctions: 30 }));
  expect(digest(1)).toBe(digest(1));
  expect(new Set([1, 2, 3, 4, 5].map(digest)).size).toBe(5);
});

test("the seeds below have all that a plan of so many auctions can have", () => {
  const featuresOf = (seed: number): string[] => {
    const plan = makePlan({ seed, auctions: AUCTIONS });
    const { wallets, endpoints, socket, batchItems, confirmations, spacing } = plan;
    return [
      ...plan.faults.map(({ kind }) => kind),
      ...plan.reorgs.map(({ mode }) => mode),
      JSON.stringify({ wallets }),
      JSON.stringify({ endpoints }),
      JSON.stringify({ socket }),
      JSON.stringify({ batchItems }),
      JSON.stringify({ confirmations }),
      JSON.stringify({ spacing }),
    ];
  };
  const all = new Set(Array.from({ length: 300 }, (_, index) => featuresOf(index + 1)).flat());
  expect(new Set(SEEDS.flatMap(featuresOf))).toEqual(all);
});

test.concurrent.each(SEEDS)(
  "seed %i: nothing is lost, nothing is doubled, and all comes to rest",
  async (seed) => {
    await expectNoViolation(servers, { seed, auctions: AUCTIONS });
  },
  RUN_LIMIT_MS,
);

test.concurrent.each(regressions.filter(({ auctions }) => auctions <= AUCTIONS))(
  "seed $seed with $auctions auctions: $was",
  async (regression) => {
    await expectNoViolation(servers, regression);
  },
  RUN_LIMIT_MS,
);
