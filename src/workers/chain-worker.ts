import type { Client } from "@temporalio/client";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { createChainActivities } from "../activities/chain.ts";
import { createChainJobs } from "../activities/chain-jobs.ts";
import type { ChainWorkerConfig } from "../config.ts";
import { chainIndexerWorkflowId, TASK_QUEUES, walletWorkflowId } from "../domain/process.ts";
import { platformSigners } from "../platform-wallets.ts";
import { CHAIN_ID } from "../workflows/search-attributes.ts";
import type * as workflows from "../workflows/index.ts";
import { Caretaker } from "./caretaker.ts";
import { CHAIN_TUNING } from "./tuning.ts";
import type { WorkerDependencies, WorkerPart } from "./worker.ts";

/** Reads the chain and sends to it: the only part of the product that holds keys of wallets, or may ask a signer that does. It runs no workflow code. */
export async function createChainWorker(
  { chain, db, rpc, temporal, logger, metrics, timing, rounds }: WorkerDependencies,
  config: ChainWorkerConfig,
  shared: Omit<WorkerOptions, "taskQueue">,
): Promise<WorkerPart> {
  const { client } = temporal;
  const signers = platformSigners(config);
  const stopping = new AbortController();
  const jobs = createChainJobs({
    db,
    rpc,
    ...chain,
    startBlock: config.AUCTION_CONTRACT_BLOCK,
    confirmations: config.CHAIN_CONFIRMATIONS,
    finalityDepth: config.CHAIN_FINALITY_DEPTH,
    signers,
    feeCaps: config.CHAIN_MAX_FEE_GWEI,
    leastTipWei: config.CHAIN_MIN_TIP_GWEI,
    maxBatchItems: config.CHAIN_BATCH_ITEMS,
    senderObserver: metrics.sender,
    ...(rounds === undefined ? {} : { rounds }),
    ...(timing?.haltAfterMs === undefined ? {} : { haltAfterMs: timing.haltAfterMs }),
    logger,
    indexerMetrics: metrics.indexer,
    headsMetrics: metrics.heads,
    ...(config.ETH_WSS_ENDPOINT === undefined ? {} : { headsEndpoint: config.ETH_WSS_ENDPOINT }),
  });
  const worker = await Worker.create({
    ...shared,
    ...CHAIN_TUNING,
    taskQueue: TASK_QUEUES.chain,
    activities: createChainActivities({
      db,
      chainId: chain.chainId,
      jobs,
      stopping: stopping.signal,
    }),
  });
  const caretaker = new Caretaker({
    db,
    jobs: [jobs.indexer, ...jobs.wallets.values()],
    logger,
    stopping: stopping.signal,
  });
  const wallets = signers.map((one) => one.address);
  const startJobs = (): Promise<void> =>
    startSystemWorkflows(client, chain.chainId, wallets, timing?.jobLooksAgainMs);
  return {
    worker,
    async start() {
      await startJobs();
      caretaker.start();
      logger.info("the wallets are served", { chainId: chain.chainId, wallets });
    },
    keep: startJobs,
    async stop() {
      stopping.abort();
      await caretaker.stop();
    },
  };
}

/** The indexer and one sender per wallet: started once, running for ever, whichever worker serves them. */
async function startSystemWorkflows(
  client: Client,
  chainId: number,
  wallets: readonly string[],
  lookAgainMs: number | undefined,
): Promise<void> {
  const typedSearchAttributes = [{ key: CHAIN_ID, value: String(chainId) }];
  const options = {
    taskQueue: TASK_QUEUES.auction,
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
  } as const;
  const input = { chainId, ...(lookAgainMs === undefined ? {} : { lookAgainMs }) };
  await client.workflow.start<typeof workflows.chainIndexer>("chainIndexer", {
    ...options,
    typedSearchAttributes,
    workflowId: chainIndexerWorkflowId(chainId),
    args: [input],
    staticSummary: `Indexer of chain ${chainId}`,
  });
  for (const address of wallets.map((one) => one.toLowerCase())) {
    await client.workflow.start<typeof workflows.wallet>("wallet", {
      ...options,
      typedSearchAttributes,
      workflowId: walletWorkflowId(chainId, address),
      args: [{ ...input, address }],
      staticSummary: `Sender of wallet ${address}`,
    });
  }
}
