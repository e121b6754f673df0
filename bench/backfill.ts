// How fast the indexer projects the past of a chain.
import { anvilAccounts, startAnvil } from "../dev/chain/anvil.ts";
import { deployContracts } from "../contracts/deploy.ts";
import { meetingAuctionInterface } from "../src/chain/contracts.ts";
import { ChainIndexer } from "../src/chain/indexing/indexer.ts";
import { JsonRpc } from "../src/chain/rpc.ts";
import { silentLogger } from "../src/logging.ts";
import { atLeast, type Bench, type BenchContext, type Figure } from "./bench.ts";
import { startDatabase } from "./parts/database.ts";
import { hex, rpc, rpcBatch } from "./parts/rpc.ts";

const AUCTIONS = 500;
const BIDS = 19_500;
const LOGS_PER_BLOCK = 100;

export const backfill: Bench = {
  name: "backfill",
  what: `${AUCTIONS} auctions and ${BIDS} bids, ${LOGS_PER_BLOCK} logs a block, indexed from nothing`,
  run,
};

async function run(context: BenchContext): Promise<Figure[]> {
  const database = await startDatabase(context);
  const anvil = await startAnvil({ extraArgs: ["--gas-limit", "300000000", "--order", "fifo"] });
  context.atEnd(() => anvil.stop());
  const [deployer] = anvil.accounts;
  const deployed = await deployContracts({
    rpcUrl: anvil.rpcUrl,
    deployerKey: deployer?.privateKey ?? "",
    operatorAddresses: [],
    config: { minIncrementBps: 0 },
  });
  await rpc(anvil.rpcUrl, "evm_setAutomine", [false]);
  const head = await makeHistory(context, anvil.rpcUrl, deployed.auctionAddress);

  const indexer = new ChainIndexer({
    rpc: new JsonRpc({ endpoints: [anvil.rpcUrl] }),
    db: database.db,
    chainId: 31_337,
    auctionContract: deployed.auctionAddress.toLowerCase(),
    passContract: deployed.passAddress.toLowerCase(),
    startBlock: deployed.blockNumber,
    finalityDepth: 16,
    logger: silentLogger(),
  });
  context.note(`the chain has ${head} blocks; indexing`);
  const startedMs = performance.now();
  let result = await indexer.step();
  while (result === "advanced") result = await indexer.step();
  const seconds = (performance.now() - startedMs) / 1_000;
  if (result !== "idle") throw new Error(`the indexer is ${result}`);
  const [counted] = await database.db.query<{ logs: number; bids: number }>(
    `SELECT (SELECT count(*) FROM chain_logs) AS logs, (SELECT count(*) FROM bids) AS bids`,
  );
  const logs = Number(counted?.logs);
  if (Number(counted?.bids) !== BIDS)
    throw new Error(`${counted?.bids} of ${BIDS} bids were indexed`);
  const perSecond = logs / seconds;
  return [
    { name: "logs", value: logs, unit: "logs" },
    { name: "time", value: seconds, unit: "s" },
    {
      name: "speed",
      value: perSecond,
      unit: "logs/s",
      target: atLeast(perSecond, 5_000),
    },
  ];
}

/** Auctions that end in a month, and bids on them in turn. anvil signs for its own accounts. Returns the newest block. */
async function makeHistory(context: BenchContext, rpcUrl: string, to: string): Promise<number> {
  context.note(`making ${AUCTIONS + BIDS} logs`);
  const [, , host, ...bidders] = anvilAccounts(10).map((one) => one.address);
  const endTime = Math.floor(Date.now() / 1_000) + 20 * 86_400;
  const create = (index: number): object => ({
    from: host,
    to,
    gas: hex(300_000),
    data: meetingAuctionInterface.encodeFunctionData("createAuction", [
      {
        salt: `0x${index.toString(16).padStart(64, "0")}`,
        startTime: 0,
        endTime,
        meetingStart: endTime + 86_400,
        meetingDurationS: 1_800,
        reservePriceWei: 1n,
        minIncrementWei: 1n,
        transferable: false,
      },
    ]),
  });
  const bid = (index: number): object => ({
    from: bidders[index % bidders.length],
    to,
    gas: hex(200_000),
    value: hex(1 + Math.floor(index / AUCTIONS)),
    data: meetingAuctionInterface.encodeFunctionData("bid", [1 + (index % AUCTIONS)]),
  });
  const all = [
    ...Array.from({ length: AUCTIONS }, (_, index) => create(index)),
    ...Array.from({ length: BIDS }, (_, index) => bid(index)),
  ];
  for (let start = 0; start < all.length; start += LOGS_PER_BLOCK) {
    const block = all.slice(start, start + LOGS_PER_BLOCK);
    await rpcBatch(
      rpcUrl,
      block.map((one) => ({ method: "eth_sendTransaction", params: [one] })),
    );
    await rpc(rpcUrl, "evm_mine");
  }
  return Number(await rpc(rpcUrl, "eth_blockNumber"));
}
