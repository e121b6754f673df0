import { type ActivityOptions, proxyActivities } from "@temporalio/workflow";
import type { Activities } from "../activities/index.ts";
import { TASK_QUEUES } from "./messages.ts";

/** The activities that `summaries` names, each with the line that the history shows of it. */
function described<K extends keyof Activities>(
  options: ActivityOptions,
  summaries: Readonly<Record<K, string>>,
): Pick<Activities, K> {
  const steps: Partial<Record<keyof Activities, unknown>> = {};
  for (const name of Object.keys(summaries) as K[])
    steps[name] = proxyActivities<Activities>({ ...options, summary: summaries[name] })[name];
  return steps as Pick<Activities, K>;
}

/**
 * The steps of an auction and of its meeting. An outage may last longer than any count of attempts: what may not be given
 * up is tried for as long as it takes.
 */
export const steps = described(
  {
    taskQueue: TASK_QUEUES.auction,
    // Short database work: a worker that is killed in the middle of a step must not hold an end up for long.
    startToCloseTimeout: "10 seconds",
    retry: { initialInterval: "500 milliseconds", maximumInterval: "20 seconds" },
  },
  {
    requestEnd: "Ask for the end in the first block that allows it",
    arrangeMeeting: "Ask for the pass, make the meeting, tell winner, host and losers",
    announceUnsold: "Tell the host that nobody bid",
    announceCancelled: "Take back the end that waits and tell the host",
    remind: "Remind both that the meeting is near",
    openMeeting: "Open the room and tell both",
    recordExtension: "Write down that the meeting lasts longer",
    checkEarlyClose: "See whether both have been there for long enough",
    closeMeeting: "Decide how it came out, ask for the settlement, end the room",
    announceSettlement: "Tell both what became of the money",
    leaveWithdrawn: "End the room: the chain took back the sale",
    overrule: "Write down what the operator decides",
  },
);

/**
 * Steps that nothing else waits for: after a while of failing they are given up for now, so that the problem is shown to
 * operators instead of being tried in silence.
 */
export const sideSteps = described(
  {
    taskQueue: TASK_QUEUES.auction,
    startToCloseTimeout: "30 seconds",
    scheduleToCloseTimeout: "2 minutes",
    retry: { initialInterval: "1 second", maximumInterval: "20 seconds" },
  },
  { endRooms: "End the rooms that nobody may be in any more" },
);

/** What an operator waits for: it answers, or fails, soon. */
export const operatorSteps = described(
  {
    taskQueue: TASK_QUEUES.auction,
    startToCloseTimeout: "10 seconds",
    scheduleToCloseTimeout: "20 seconds",
    retry: { initialInterval: "500 milliseconds", maximumInterval: "5 seconds" },
  },
  {
    recordOperatorAction: "Write down what the operator does, and why",
    lookAtChain: "Ask the contract itself and compare",
    pauseWallet: "Pause the wallet, and write down who does it and why",
    resumeWallet: "Resume the wallet, and write down who does it and why",
  },
);

/** The safety net under the sender's signals: how often an operation that did not settle is asked for again. */
export const ASK_AGAIN_MS = 5 * 60_000;
