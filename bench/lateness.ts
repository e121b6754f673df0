// How late auctions end, in blocks after the first that allows it, with the product as a process. Measured from the chain.
import { Client, Connection } from "@temporalio/client";
import { chainKeys } from "../dev/stack/chain.ts";
import { FAILURE_REASONS } from "../src/chain/contracts.ts";
import { startAuctionWorkflow } from "../src/workflows/start.ts";
import {
  atLeast,
  atMost,
  type Bench,
  type BenchContext,
  type Figure,
  quantile,
  sleep,
  until,
} from "./bench.ts";
import {
  bid,
  type ChainRecord,
  countEnded,
  createAuctions,
  endByOther,
  latenessInBlocks,
  Person,
  type Place,
  readChain,
  wasted,
} from "./parts/auctions.ts";
import { mineIrregularly } from "./parts/mining.ts";
import { type Product, startProduct } from "./parts/product.ts";
import { rpc } from "./parts/rpc.ts";

interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly blockTimeS: number;
  readonly irregular?: boolean;
  readonly auctions: number;
  /** The first end is so long after the start, so that everything is set up and its request is asked for ahead. */
  readonly firstEndInS: number;
  /** Ends are spread over this time; 0 lets all end in one second. */
  readonly spreadS: number;
  readonly lateBids: number;
  /**
   * For so long, in seconds, around the ends the Temporal server is frozen, and the connections of the worker to Postgres that are
   * open when it begins carry nothing any more.
   */
  readonly awayS?: number;
  /** An operation that fails every time, in the midst of the others, and three auctions that somebody else ends first. */
  readonly disturbed?: boolean;
  targets(this: void, lateness: readonly number[]): Partial<Record<FigureName, Figure["target"]>>;
}

type FigureName = "first" | "p99" | "latest";

const scenarios: readonly Scenario[] = [
  {
    name: "lateness-1s",
    what: "100 auctions with random end times, 1 s blocks, 20 late bids",
    blockTimeS: 1,
    auctions: 100,
    firstEndInS: 35,
    spreadS: 60,
    lateBids: 20,
    targets: (lateness) => ({
      first: atLeast(shareInFirst(lateness), 99),
      latest: atMost(Math.max(...lateness), 1),
    }),
  },
  {
    name: "lateness-12s",
    what: "100 auctions with random end times, 12 s blocks, 20 late bids",
    blockTimeS: 12,
    auctions: 100,
    firstEndInS: 80,
    spreadS: 180,
    lateBids: 20,
    targets: (lateness) => ({
      first: atLeast(shareInFirst(lateness), 100),
      latest: atMost(Math.max(...lateness), 0),
    }),
  },
  {
    name: "lateness-irregular",
    what: "100 auctions with random end times, blocks 1 to 20 s apart with the time they were made",
    blockTimeS: 1,
    irregular: true,
    auctions: 100,
    firstEndInS: 60,
    spreadS: 180,
    lateBids: 20,
    targets: () => ({}),
  },
  {
    name: "lateness-away",
    what: "50 auctions with random end times while Temporal is frozen for 60 s and the connections to Postgres go dark",
    blockTimeS: 1,
    auctions: 50,
    firstEndInS: 45,
    spreadS: 40,
    lateBids: 10,
    awayS: 60,
    targets: (lateness) => ({ latest: atMost(Math.max(...lateness), 10) }),
  },
  {
    name: "lateness-500",
    what: "500 auctions ending in one second, 1 s blocks, 20 late bids, one poisoned, three ended by others",
    blockTimeS: 1,
    auctions: 500,
    firstEndInS: 90,
    spreadS: 0,
    lateBids: 20,
    disturbed: true,
    targets: (lateness) => ({
      p99: atMost(quantile(lateness, 0.99), 1),
      latest: atMost(Math.max(...lateness), 2),
    }),
  },
];

/** An operation for an auction that no chain knows: the contract reports it each time, and nothing can mend it. */
const POISONED_ID = 999_999;
/** A late bid is on its way this long before the end at most; the contract's buffer is 6 s. */
const BUFFER_MS = 5_500;
const nowS = (): number => Math.floor(Date.now() / 1_000);

const shareInFirst = (lateness: readonly number[]): number =>
  (lateness.filter((one) => one === 0).length / lateness.length) * 100;

export const lateness: readonly Bench[] = scenarios.map((scenario) => ({
  name: scenario.name,
  what: scenario.what,
  run: (context) => run(scenario, context),
}));

async function run(scenario: Scenario, context: BenchContext): Promise<Figure[]> {
  const product = await startProduct(context, scenario.name, scenario);
  if (scenario.irregular === true) {
    const mining = await mineIrregularly(product.rpcUrl);
    context.atEnd(() => mining.stop());
  }
  await product.startWorker(scenario.awayS === undefined ? {} : product.darkEnv);
  return report(scenario, await play(scenario, product, context));
}

async function play(
  scenario: Scenario,
  product: Product,
  context: BenchContext,
): Promise<ChainRecord> {
  const place: Place = product;
  const [host, bidder, other] = [0, 1, 2].map(
    (index) => new Person(place.rpcUrl, place.chainId, index),
  ) as [Person, Person, Person];
  const firstS = nowS() + scenario.firstEndInS;
  const ends = Array.from(
    { length: scenario.auctions },
    () => firstS + Math.floor(Math.random() * scenario.spreadS),
  );
  await createAuctions(place, host, ends);
  context.note(
    `${ends.length} auctions are on the chain, ${firstS - nowS()} s before the first end`,
  );
  await withTemporal(product, async (client) => {
    if (scenario.disturbed === true) await poison(client, product, firstS);
    const running = async (): Promise<number> =>
      (await client.workflow.count('WorkflowType = "auction"')).count;
    while ((await running()) < ends.length && nowS() < firstS - 16) await sleep(250);
    context.note(`${await running()} processes run, ${firstS - nowS()} s before the first end`);
  });

  if (scenario.awayS !== undefined) {
    const { awayS } = scenario;
    const beginsInMs = (firstS - 10 - nowS()) * 1_000;
    const timer = setTimeout(() => {
      context.note(`Temporal is frozen and the database's connections are dark, for ${awayS} s`);
      product.freezeTemporal(awayS * 1_000);
      product.darken();
    }, beginsInMs);
    context.atEnd(async () => clearTimeout(timer));
  }
  const byOthers = scenario.disturbed === true ? [7, 8, 9] : [];
  const bids = ends
    .map((endS, index) => ({ id: index + 1, endS }))
    .filter(({ id }) => !byOthers.includes(id))
    .slice(0, scenario.lateBids)
    .map(async ({ id, endS }) => {
      await sleep(endS * 1_000 - Math.random() * BUFFER_MS - Date.now());
      // A bid that comes too late reverts, which is the bidder's affair.
      await bid(place, bidder, id, 1_000n);
    });
  const others = byOthers.map(async (id) => {
    const endS = ends[id - 1] as number;
    await until("the last block before the end", () => headReaches(place, endS - 1), 600_000);
    await endByOther(place, other, id);
  });
  await Promise.all([...bids, ...others]);

  const lastS = Math.max(...ends);
  const deadlineS = lastS + 60 + 5 * scenario.blockTimeS + (scenario.irregular === true ? 60 : 0);
  await sleep((lastS - nowS()) * 1_000);
  while ((await countEnded(place)) < ends.length && nowS() < deadlineS) await sleep(500);
  // What fails once more is seen too.
  await sleep(3_000);
  return readChain(place, chainKeys().platformAddress);
}

async function headReaches(place: Place, second: number): Promise<boolean> {
  const block = await rpc<{ timestamp: string }>(place.rpcUrl, "eth_getBlockByNumber", [
    "latest",
    false,
  ]);
  return Number(block.timestamp) >= second;
}

async function withTemporal(
  product: Product,
  work: (client: Client) => Promise<void>,
): Promise<void> {
  const connection = await Connection.connect({ address: product.stack.urls.temporal });
  try {
    await work(
      new Client({ connection, namespace: product.stack.env["TEMPORAL_NAMESPACE"] ?? "default" }),
    );
  } finally {
    await connection.close();
  }
}

/** Starts the process of an auction that does not exist, so that its end is asked for with all the others. */
function poison(client: Client, product: Product, endS: number): Promise<void> {
  const { chainId, auction: contract } = product;
  const host = `0x${"00".repeat(19)}01`;
  const auctionId = String(POISONED_ID);
  const endsAtMs = endS * 1_000;
  // Ahead of the storm of the others, so that it is in their midst when their time comes.
  return startAuctionWorkflow(client, { chainId, contract, auctionId, host, endsAtMs }, 60_000);
}

function report(scenario: Scenario, record: ChainRecord): Figure[] {
  const byId = latenessInBlocks(record);
  const values = [...byId.values()];
  const { first, p99, latest } = scenario.targets(values);
  const failures = record.failed.filter((one) => one.reason !== FAILURE_REASONS.NOT_YET_ENDED);
  const ofOthers = failures.filter((one) => one.reason === FAILURE_REASONS.ALREADY_ENDED);
  const poisoned = failures.filter((one) => one.id === POISONED_ID);
  const figure = (name: string, value: number, unit: string, target?: Figure["target"]): Figure =>
    target === undefined ? { name, value, unit } : { name, value, unit, target };

  const missing = record.endTimeS.size - record.ended.size;
  return [
    figure("ended in the first eligible block", shareInFirst(values), "%", first),
    figure("blocks late, p99", quantile(values, 0.99), "blocks", p99),
    figure("blocks late, latest", Math.max(...values), "blocks", latest),
    figure("never ended", missing, "auctions", atMost(missing, 0, true)),
    figure(
      "sent so early that it was wasted",
      wasted(record).length,
      "ends",
      atMost(wasted(record).length, 0),
    ),
    figure(
      "reverted as a whole",
      record.reverted.length,
      "transactions",
      atMost(record.reverted.length, 0, true),
    ),
    figure("moved by a late bid", record.extended, "auctions"),
    ...(scenario.disturbed === true
      ? [
          figure("ended by others first", ofOthers.length, "auctions"),
          figure(
            "reports of the poisoned one",
            poisoned.length,
            "events",
            atLeast(poisoned.length, 1),
          ),
          figure(
            "other auctions reported as failed",
            failures.length - ofOthers.length - poisoned.length,
            "events",
            atMost(failures.length - ofOthers.length - poisoned.length, 0, true),
          ),
        ]
      : []),
  ];
}
