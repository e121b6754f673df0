// Every crash point once: the worker really dies there, and the next one brings the story to its end all the same.
import { CRASH_POINTS } from "../../src/crash.ts";
import type { PlanOptions } from "./plan.ts";
import type { FaultKind } from "./plan-faults.ts";
import { CRASH_AT_POINTS } from "./plan-lives.ts";
import type { Servers } from "./servers.ts";
import { expectNoViolation, RUN_LIMIT_MS, testServers } from "./support.ts";

const AUCTIONS = 12;
/** One wallet, one endpoint, blocks of a second; sold, unsold and cancelled auctions. */
const SEED = 5;

interface Run {
  readonly points: readonly string[];
  /** What must happen for the points to be on the way. */
  readonly instead?: PlanOptions["instead"];
}

const window = (kind: FaultKind, fromBlock: number, toBlock: number, times?: number) => ({
  kind,
  fromBlock,
  toBlock,
  size: 1,
  ...(times === undefined ? {} : { times }),
});

/** Points that die one after the other in one story, each in the first life that has it on its way. */
const RUNS: readonly Run[] = [
  { points: ["relay.read", "relay.delivered", "relay.marked", "end.asking", "end.asked"] },
  {
    points: [
      "indexer.read",
      "indexer.committed",
      "sender.started",
      "sender.stored",
      "sender.broadcast",
      "sender.noted",
    ],
  },
  {
    points: [
      "receipts.read",
      "receipts.committed",
      "sale.arranging",
      "sale.arranged",
      "outcome.announced",
      "meeting.room-ended",
      "meeting.settling",
    ],
  },
  {
    points: ["sender.cancel-stored", "sender.replacement-stored"],
    instead: {
      // A gateway refuses what is sent first, and then everything is stuck until it is outbid.
      faults: [window("rejected", 1, 60, 6), window("dear", 20, 60)],
      lastBlock: 61,
    },
  },
  {
    // The second is on the way of every reorg.
    points: ["receipts.vanished", "indexer.rolled-back"],
    instead: {
      // Blocks are replaced again and again, and the platform's transactions are forgotten each time.
      reorgs: Array.from({ length: 30 }, (_, index) => ({
        block: 6 + 4 * index,
        depth: 3,
        longerBy: 0,
        mode: "product-forgotten" as const,
        whenNoted: true,
      })),
      lastBlock: 126,
    },
  },
];

let servers: Servers;
beforeAll(async () => {
  servers = await testServers();
});
afterAll(() => servers.stop());

test("the runs below and the random plans know every crash point of the product", () => {
  expect(new Set(RUNS.flatMap((run) => run.points))).toEqual(new Set(CRASH_POINTS));
  expect(new Set(CRASH_AT_POINTS)).toEqual(new Set(CRASH_POINTS));
});

test.concurrent.each(RUNS)(
  "$points",
  async ({ points, instead }) => {
    const lives = points.map((crashAt) => ({ crashAt, downBlocks: 0 }));
    const result = await expectNoViolation(
      servers,
      {
        seed: SEED,
        auctions: AUCTIONS,
        instead: { faults: [], reorgs: [], ...instead, lives },
      },
      { reportsDeaths: true },
    );
    expect(result.deaths).toEqual(points.map((point) => `${point} SIGKILL`));
  },
  RUN_LIMIT_MS,
);
