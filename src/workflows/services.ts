import {
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities, ChainActivities } from "../activities/index.ts";
import { TASK_QUEUES } from "./messages.ts";
import { untilDone } from "./patience.ts";

/**
 * The long-lived jobs. Each run holds one heartbeating activity; if its worker dies, the heartbeat stops and Temporal gives
 * the activity to another worker, whose advisory lock then shuts the old one out. Temporal is the leader election.
 */
const jobs = proxyActivities<ChainActivities>({
  taskQueue: TASK_QUEUES.chain,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "5 seconds",
  retry: {
    initialInterval: "250 milliseconds",
    backoffCoefficient: 1.5,
    maximumInterval: "5 seconds",
  },
});

/** Shows what the job does and, while there is one, the problem that keeps it from it. A job never ends by a refusal. */
function details(what: string): (problem: string | null) => void {
  return (problem) =>
    setCurrentDetails(problem === null ? what : `${what}\n\n> **Needs attention:** ${problem}`);
}

/** How many activities one run holds in turn before it continues as new: its history stays short. */
const TURNS_PER_RUN = 50;

export async function chainIndexer(input: { readonly chainId: number }): Promise<void> {
  const show = details(
    `Indexes chain ${input.chainId} into Postgres. One worker at a time; another takes over within seconds.`,
  );
  show(null);
  for (let turn = 0; turn < TURNS_PER_RUN && !workflowInfo().continueAsNewSuggested; turn += 1) {
    const result = await untilDone(() => jobs.runIndexer(input.chainId), show);
    // A halted stream waits for an operator: looking again every minute finds the rebuilt stream.
    if (result === "halted")
      await condition(() => false, "1 minute", { summary: "halted: see the indexer's log" });
  }
  await continueAsNew<typeof chainIndexer>(input);
}

export async function wallet(input: {
  readonly chainId: number;
  readonly address: string;
}): Promise<void> {
  const show = details(
    `Sends the operations of wallet \`${input.address}\` on chain ${input.chainId}. One worker at a time; another takes over within seconds.`,
  );
  show(null);
  for (let turn = 0; turn < TURNS_PER_RUN && !workflowInfo().continueAsNewSuggested; turn += 1)
    await untilDone(() => jobs.runWallet(input.chainId, input.address), show);
  await continueAsNew<typeof wallet>(input);
}

const checks = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.auction,
  startToCloseTimeout: "2 minutes",
  retry: { maximumAttempts: 3 },
});

/** Compares chain, Postgres and workflows and repairs what is missing. Run by a Schedule, so a failed run is followed by the next. */
export async function reconcile(): Promise<Record<string, number>> {
  const repaired = await checks.reconcile();
  setCurrentDetails(
    Object.entries(repaired)
      .map(([what, count]) => `- ${what}: ${count}`)
      .join("\n"),
  );
  return repaired;
}
