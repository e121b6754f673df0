import {
  allHandlersFinished,
  condition,
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  upsertMemo,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities, ChainActivities } from "../activities/index.ts";
import { pauseUpdate, resumeUpdate, TASK_QUEUES } from "./messages.ts";
import { setWalletCommand } from "./operators.ts";
import { Patience, type Problem } from "./patience.ts";
import { tagJob } from "./tags.ts";

/**
 * The long-lived jobs. Each run holds one heartbeating activity; if its worker dies, the heartbeat stops and Temporal gives
 * the activity to another worker, whose advisory lock then shuts the old one out. Temporal is the leader election.
 */
const jobs = proxyActivities<ChainActivities>({
  taskQueue: TASK_QUEUES.chain,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "3 seconds",
  retry: {
    initialInterval: "250 milliseconds",
    backoffCoefficient: 1.5,
    maximumInterval: "5 seconds",
  },
});

/** Shows what the job does and, while there is one, the problem that keeps it from it. A job never ends by a refusal. */
function shownAs(what: string): (problem: Problem | null) => void {
  return (problem) => {
    setCurrentDetails(
      problem === null ? what : `${what}\n\n> **Needs attention:** ${problem.text}`,
    );
    tagJob(problem?.code ?? null);
  };
}

/** Of both jobs. */
interface JobInput {
  readonly chainId: number;
  /** For tests: how long a paused or halted job waits before it looks again, instead of a minute. */
  readonly lookAgainMs?: number;
}

const LOOK_AGAIN = "1 minute";

/** How many activities one run holds in turn before it continues as new: its history stays short. */
const TURNS_PER_RUN = 50;

export async function chainIndexer(input: JobInput): Promise<void> {
  const show = shownAs(
    `Indexes chain ${input.chainId} into Postgres. One worker at a time; another takes over within seconds.`,
  );
  const goOnInNewRun = (): Promise<never> => continueAsNew<typeof chainIndexer>(input);
  const patience = new Patience({ onProblem: show, goOnInNewRun, stepsAreLong: true });
  show(null);
  for (let turn = 0; turn < TURNS_PER_RUN && !workflowInfo().continueAsNewSuggested; turn += 1) {
    const result = await patience.untilDone(() => jobs.runIndexer(input.chainId));
    if (result !== "halted") continue;
    // A halted stream waits for an operator: looking again every minute finds the rebuilt stream.
    show({
      code: "indexer:halted",
      text: "the indexer has halted: npm run ops -- doctor says why",
    });
    await condition(() => false, input.lookAgainMs ?? LOOK_AGAIN, {
      summary: "halted: see the indexer's log",
    });
    // A turn that goes well lasts for most of an hour.
    show(null);
  }
  await goOnInNewRun();
}

export async function wallet(input: JobInput & { readonly address: string }): Promise<void> {
  const show = shownAs(
    `Sends the operations of wallet \`${input.address}\` on chain ${input.chainId}. One worker at a time; another takes over within seconds.`,
  );
  const goOnInNewRun = (): Promise<never> => continueAsNew<typeof wallet>(input);
  const patience = new Patience({ onProblem: show, goOnInNewRun, stepsAreLong: true });
  setWalletCommand(pauseUpdate, "pause-wallet", input, () => patience.nudge());
  setWalletCommand(resumeUpdate, "resume-wallet", input, () => patience.nudge());
  show(null);
  for (let turn = 0; turn < TURNS_PER_RUN && !workflowInfo().continueAsNewSuggested; turn += 1) {
    const result = await patience.untilDone(() => jobs.runWallet(input.chainId, input.address));
    if (result !== "paused") continue;
    const { nudges } = patience;
    show({
      code: "wallet:paused",
      text: "an operator has paused it; the update `resume` ends that",
    });
    // The command may be given to the database while Temporal is away, so it is looked at now and then.
    await condition(() => patience.nudges !== nudges, input.lookAgainMs ?? LOOK_AGAIN, {
      summary: "paused",
    });
    show(null);
  }
  await condition(allHandlersFinished);
  await goOnInNewRun();
}

const checks = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.auction,
  startToCloseTimeout: "2 minutes",
  retry: { maximumAttempts: 3 },
  summary: "Compare chain, Postgres and workflows; repair what is missing",
});

/** Compares chain, Postgres and workflows and repairs what is missing. Run by a Schedule, so a failed run is followed by the next. */
export async function reconcile(): Promise<Record<string, number>> {
  const { eventSeq, ...repaired } = await checks.reconcile();
  setCurrentDetails(
    Object.entries(repaired)
      .map(([what, count]) => `- ${what}: ${count}`)
      .join("\n"),
  );
  // A database that knows less than this has been restored from a backup: see the doctor.
  if (eventSeq !== undefined) upsertMemo({ eventSeq });
  return repaired;
}
