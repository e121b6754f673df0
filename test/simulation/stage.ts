// Everything a run needs, started and ended together.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { keccak256, toUtf8Bytes, Wallet } from "ethers";
import { anvilAccounts, resolveAnvilBinary } from "../../dev/chain/anvil.ts";
import { deployContracts } from "../../contracts/deploy.ts";
import { createProcesses, type Processes } from "../../dev/stack/processes.ts";
import { waitFor } from "../../dev/stack/wait.ts";
import { FaultProxy } from "../faults/proxy.ts";
import { RawWatch } from "./checker/raw-watch.ts";
import type { World } from "./checker/sources.ts";
import { Money } from "./money.ts";
import { Node } from "./node.ts";
import { People } from "./people.ts";
import type { Plan } from "./plan.ts";
import { Workflows } from "./processes-of-run.ts";
import { Product } from "./product.ts";
import { RestProbe } from "./rest.ts";
import type { Servers } from "./servers.ts";
import { Story } from "./story.ts";

/** The chain begins this long ago: processes then find every time of their calendars already come, and only wait for blocks. */
const STORY_BEGAN_BEFORE_S = 6 * 3_600;

export interface Stage {
  readonly folder: string;
  readonly node: Node;
  readonly proxy: FaultProxy;
  readonly story: Story;
  readonly product: Product;
  readonly money: Money;
  readonly watch: RawWatch;
  readonly world: World;
  readonly workflows: Workflows;
  readonly rest: RestProbe;
  close(): Promise<void>;
}

/** Sets the stage for a plan. Nothing of the product runs yet, and the chain stands still. */
export async function setStage(servers: Servers, plan: Plan, name: string): Promise<Stage> {
  const folder = join(servers.folder, name);
  const processes = createProcesses({ logDir: folder });
  const closers: (() => Promise<void>)[] = [() => processes.stopAll()];
  // One that cannot be closed must not keep the rest running.
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const one of closers.toReversed()) await one().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const beganAtS = Math.floor(Date.now() / 1000) - STORY_BEGAN_BEFORE_S;
    const [{ rpcUrl, wsUrl }, database, temporal] = await Promise.all([
      startChain(processes, plan.chainId, beganAtS),
      servers.database(),
      servers.temporal(),
    ]);
    closers.push(() => database.drop());
    const node = new Node(rpcUrl);
    const platform = Array.from(
      { length: plan.wallets },
      (_, index) => new Wallet(keccak256(toUtf8Bytes(`wallet ${index} of ${plan.seed}`))),
    );
    const money = new Money(node, platform);
    await money.allFunded();
    const deployed = await deployContracts({
      rpcUrl,
      deployerKey: anvilAccounts(1)[0]?.privateKey ?? "",
      operatorAddresses: platform.map((one) => one.address),
      config: plan.rules,
    });
    const world: World = {
      ask: (method, ...params) => node.send(method, ...params),
      databaseUrl: database.url,
      chainId: plan.chainId,
      auctionContract: deployed.auctionAddress.toLowerCase(),
      passContract: deployed.passAddress.toLowerCase(),
      wallets: platform.map((one) => one.address.toLowerCase()),
      confirmations: plan.confirmations,
    };
    const head = await node.block(await node.blockNumber());
    const startS = Number(head.timestamp);
    const people = new People(node, plan, deployed.auctionAddress, startS);
    await people.fund();
    await node.send("evm_setAutomine", false);

    const watch = new RawWatch(world, (hash) => proxy.record.get(hash)?.taken === true);
    closers.push(() => watch.close());
    const proxy = await FaultProxy.start({
      rpcUrl,
      wsUrl,
      endpoints: plan.endpoints,
      sockets: plan.socket ? 1 : 0,
      beforeFirstRaw: ({ hash, raw }) => watch.look(hash, raw),
    });
    closers.push(() => proxy.close());
    const product = new Product({
      processes,
      folder,
      lives: plan.lives,
      compileCache: servers.compileCache,
      env: {
        NODE_ENV: "test",
        DATABASE_URL: database.workerUrl,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        ETH_HTTP_ENDPOINT: proxy.urls.join(","),
        ...(proxy.sockets[0] === undefined ? {} : { ETH_WSS_ENDPOINT: proxy.sockets[0].url }),
        CHAIN_CONFIRMATIONS: String(plan.confirmations),
        CHAIN_FINALITY_DEPTH: String(plan.finalityDepth),
        CHAIN_BATCH_ITEMS: String(plan.batchItems),
        AUCTION_CONTRACT_ADDRESS: deployed.auctionAddress,
        PLATFORM_PRIVATE_KEY: platform.map((one) => one.privateKey).join(","),
        JITSI_APP_ID: "meeting-auction",
        JITSI_SECRET: "a secret of the simulation, long enough",
        METRICS_PORT: "0",
        WORKFLOW_BUNDLE: servers.bundle,
      },
    });
    const workflows = await Workflows.connect(temporal.address, temporal.namespace);
    closers.push(() => workflows.end());
    const rest = await RestProbe.open(database.url, node, world.wallets);
    closers.push(() => rest.close());
    closers.push(() => product.stop());
    const firstBlock = Number(head.number);
    const story = new Story({ node, proxy, plan, people, firstBlock, startS });
    return { folder, node, proxy, story, product, money, watch, world, workflows, rest, close };
  } catch (error) {
    // Why it could not be set is what matters.
    await close().catch(() => undefined);
    throw error;
  }
}

/** Anvil that mines at once until it is told otherwise, its clock at `beganAtS`. */
async function startChain(
  processes: Processes,
  chainId: number,
  beganAtS: number,
): Promise<{ readonly rpcUrl: string; readonly wsUrl: string }> {
  const anvil = processes.spawn({
    name: "anvil",
    command: resolveAnvilBinary(),
    args: ["--port", "0", "--chain-id", String(chainId), "--timestamp", String(beganAtS)],
    stopSignal: "SIGKILL",
  });
  const port = await waitFor(
    () => /Listening on .*:(\d+)/.exec(readFileSync(anvil.logFile, "utf8"))?.[1],
    { what: "anvil to listen", timeoutMs: 30_000, everyMs: 10, by: anvil },
  );
  return { rpcUrl: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}` };
}
