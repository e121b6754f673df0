// How soon another worker sends when the one that leads dies, freezes, or has lost its database without a word.
import { Client } from "pg";
import { FaultProxy } from "../test/faults/proxy.ts";
import { type DarkProxy, startDarkProxy } from "../test/support/dark-proxy.ts";
import { atMost, type Bench, type BenchContext, type Figure, quantile, until } from "./bench.ts";
import { countEnded, createAuctions, Person } from "./parts/auctions.ts";
import { type Product, startProduct, type Worker } from "./parts/product.ts";

const ROUNDS = 20;
const LIMIT_S = 8;

/** What happens to the leading worker. */
const FATES = ["SIGKILL", "SIGSTOP", "silent connection"] as const;
type Fate = (typeof FATES)[number];

/** A worker with a chain and a database of its own to look through. */
interface Watched {
  readonly worker: Worker;
  readonly chain: FaultProxy;
  readonly database: DarkProxy;
}

export const takeover: readonly Bench[] = FATES.map((fate) => ({
  name: `takeover-${fate.replace(" ", "-").toLowerCase()}`,
  what: `of two workers the one that leads gets ${fate}, ${ROUNDS} times, shortly before an auction ends`,
  run: (context) => run(fate, context),
}));

async function run(fate: Fate, context: BenchContext): Promise<Figure[]> {
  const product = await startProduct(context, "takeover", { blockTimeS: 1 });
  const host = new Person(product.rpcUrl, product.chainId, 0);
  const seconds: number[] = [];
  let workers = [await watched(product, context), await watched(product, context)];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const endS = Math.floor(Date.now() / 1_000) + 12;
    await createAuctions(product, host, [endS]);
    const leader = await leaderOf(product, workers);
    const other = workers.find((one) => one !== leader) as Watched;
    await until("the last second", async () => Date.now() / 1_000 > endS - 1, 60_000);
    const before = other.chain.record.all.length;
    const beganMs = performance.now();
    if (fate === "silent connection") leader.database.goDark();
    else leader.worker.kill(fate);
    // Whoever it is: a worker whose connections were cut may be the first with new ones.
    const sent = (): number =>
      other.chain.record.all.length -
      before +
      (fate === "silent connection" ? leader.chain.record.all.length : 0);
    const had = fate === "silent connection" ? leader.chain.record.all.length : 0;
    await until("a broadcast", async () => sent() - had > 0, 120_000);
    seconds.push((performance.now() - beganMs) / 1_000);
    await until("the end", async () => (await countEnded(product)) >= round, 120_000);
    context.note(`round ${round}: ${seconds.at(-1)?.toFixed(1)} s`);
    if (fate === "silent connection") continue;
    leader.worker.kill("SIGKILL");
    workers = [other, await watched(product, context)];
  }
  const worst = Math.max(...seconds);
  return [
    { name: "until the first broadcast, median", value: quantile(seconds, 0.5), unit: "s" },
    {
      name: "until the first broadcast, longest",
      value: worst,
      unit: "s",
      target: atMost(worst, LIMIT_S),
    },
  ];
}

async function watched(product: Product, context: BenchContext): Promise<Watched> {
  const chain = await FaultProxy.start({ rpcUrl: product.rpcUrl });
  context.atEnd(() => chain.close());
  const url = product.stack.env["DATABASE_URL"] ?? "";
  const database = await startDarkProxy(url);
  context.atEnd(() => database.close());
  const worker = await product.startWorker({
    ETH_HTTP_ENDPOINT: chain.urls[0] ?? "",
    DATABASE_URL: database.through(url),
  });
  return { worker, chain, database };
}

/** Postgres knows from which port the connection comes that holds the wallet's lock. */
async function leaderOf(product: Product, workers: readonly Watched[]): Promise<Watched> {
  const client = new Client({ connectionString: product.stack.env["DATABASE_URL"] });
  await client.connect();
  try {
    let found: Watched | undefined;
    await until(
      "a leader",
      async () => {
        const { rows } = await client.query<{ port: number }>(
          "SELECT client_port AS port FROM pg_stat_activity WHERE application_name LIKE '%leader wallet/%'",
        );
        const ports = rows.map((row) => row.port);
        found = workers.find((one) => one.database.farPorts.some((port) => ports.includes(port)));
        return found !== undefined;
      },
      60_000,
    );
    return found as Watched;
  } finally {
    await client.end();
  }
}
