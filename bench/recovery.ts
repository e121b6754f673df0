// How soon a worker that was killed with its hands full is useful again.
import { Contract, JsonRpcProvider, NonceManager, Wallet } from "ethers";
import { anvilAccounts } from "../dev/chain/anvil.ts";
import { chainKeys } from "../dev/stack/chain.ts";
import { meetingAuctionInterface } from "../src/chain/contracts.ts";
import { FaultProxy } from "../test/faults/proxy.ts";
import { atLeast, atMost, type Bench, type BenchContext, type Figure, until } from "./bench.ts";
import { countEnded, createAuctions, Person } from "./parts/auctions.ts";
import { resumeMining, stopMining } from "./parts/mining.ts";
import { type Product, startProduct } from "./parts/product.ts";
import { rpc } from "./parts/rpc.ts";

const WALLETS = 4;
const AUCTIONS = 100;
const IN_FLIGHT = 50;

export const recovery: Bench = {
  name: "recovery",
  what: `a worker of ${WALLETS} wallets is killed with ${IN_FLIGHT} transactions in flight, and the node forgets them`,
  run,
};

async function run(context: BenchContext): Promise<Figure[]> {
  const product = await startProduct(context, "recovery", { blockTimeS: 1 });
  const proxy = await FaultProxy.start({ rpcUrl: product.rpcUrl });
  context.atEnd(() => proxy.close());
  const wallets = anvilAccounts(6 + WALLETS - 1).slice(-(WALLETS - 1));
  await makeOperators(
    product,
    wallets.map((one) => one.address),
  );
  const keys = [chainKeys().platform, ...wallets.map((one) => one.privateKey)];
  const env = { PLATFORM_PRIVATE_KEY: keys.join(","), CHAIN_BATCH_ITEMS: "1" };
  const addresses = keys.map((key) => new Wallet(key).address);

  const first = await product.startWorker(env);
  const endS = Math.floor(Date.now() / 1_000) + 40;
  await createAuctions(
    product,
    new Person(product.rpcUrl, product.chainId, 0),
    Array.from({ length: AUCTIONS }, () => endS),
  );
  await until(
    "the last block before the end",
    async () => (await headTimestampS(product.rpcUrl)) >= endS - 3,
    120_000,
  );
  await stopMining(product.rpcUrl);
  await until(
    `${IN_FLIGHT} transactions in flight`,
    async () => (await inPool(product.rpcUrl, addresses)) >= IN_FLIGHT,
    60_000,
  );
  const inFlight = await inPool(product.rpcUrl, addresses);
  await first.end("SIGKILL");
  // What follows is useful: nobody but the database has these transactions any more.
  await rpc(product.rpcUrl, "anvil_dropAllTransactions");
  context.note(`killed with ${inFlight} transactions in flight; the node has forgotten them`);

  const restartedMs = performance.now();
  await product.startWorker({ ...env, ETH_HTTP_ENDPOINT: proxy.urls[0] ?? "" });
  const readyS = (performance.now() - restartedMs) / 1_000;
  await until("the first broadcast", async () => proxy.record.all.length > 0, 60_000);
  const firstS = ((proxy.record.all[0]?.firstAtMs ?? Number.NaN) - restartedMs) / 1_000;
  await until(
    "every transaction to be sent again",
    async () => (await inPool(product.rpcUrl, addresses)) >= inFlight,
    60_000,
  );
  const allS = (performance.now() - restartedMs) / 1_000;
  await resumeMining(product.rpcUrl, 1);
  await until("every auction to end", async () => (await countEnded(product)) >= AUCTIONS, 120_000);
  await until(
    "the pool to be empty",
    async () => (await inPool(product.rpcUrl, addresses)) === 0,
    60_000,
  );
  const gaps = await openGaps(product.rpcUrl, addresses);
  const target = atMost(firstS, 10);
  return [
    {
      name: "in flight when killed",
      value: inFlight,
      unit: "tx",
      target: atLeast(inFlight, IN_FLIGHT),
    },
    { name: "restart → ready", value: readyS, unit: "s" },
    { name: "restart → first useful broadcast", value: firstS, unit: "s", target },
    { name: "restart → everything broadcast again", value: allS, unit: "s" },
    {
      name: "nonce gaps at the end",
      value: gaps,
      unit: "nonces",
      target: atMost(gaps, 0, true),
    },
  ];
}

async function makeOperators(product: Product, addresses: readonly string[]): Promise<void> {
  const provider = new JsonRpcProvider(product.rpcUrl, undefined, { cacheTimeout: -1 });
  try {
    const deployer = new NonceManager(new Wallet(chainKeys().deployer, provider));
    const contract = new Contract(product.auction, meetingAuctionInterface, deployer);
    const role: unknown = await contract.getFunction("OPERATOR_ROLE")();
    for (const address of addresses) {
      const sent = await contract.getFunction("grantRole").send(role, address);
      await sent.wait();
    }
  } finally {
    provider.destroy();
  }
}

async function headTimestampS(rpcUrl: string): Promise<number> {
  const { timestamp } = await rpc<{ timestamp: string }>(rpcUrl, "eth_getBlockByNumber", [
    "latest",
    false,
  ]);
  return Number(timestamp);
}

/** Transactions of these wallets that the node holds and has not mined. */
async function inPool(rpcUrl: string, addresses: readonly string[]): Promise<number> {
  const { pending, queued } = await rpc<Record<"pending" | "queued", Record<string, object>>>(
    rpcUrl,
    "txpool_content",
  );
  const held = (pool: Record<string, object>): number =>
    Object.entries(pool)
      .filter(([address]) => addresses.some((one) => one.toLowerCase() === address.toLowerCase()))
      .reduce((sum, [, nonces]) => sum + Object.keys(nonces).length, 0);
  return held(pending) + held(queued);
}

/** Nonces between what is mined and what is known, over all wallets. */
async function openGaps(rpcUrl: string, addresses: readonly string[]): Promise<number> {
  let gaps = 0;
  for (const address of addresses) {
    const count = (tag: string): Promise<string> =>
      rpc(rpcUrl, "eth_getTransactionCount", [address, tag]);
    gaps += Number(await count("pending")) - Number(await count("latest"));
  }
  return gaps + (await inPool(rpcUrl, addresses));
}
