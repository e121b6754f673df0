import { workflowInfo, type WorkflowInterceptors } from "@temporalio/workflow";

/** The start of the message of a query that was refused here. Whoever asked asks again. */
export const ASK_AGAIN = "query refused: new history events came with it; ask again";

type Activation = Parameters<
  NonNullable<NonNullable<WorkflowInterceptors["internals"]>[number]["activate"]>
>[0]["activation"];

/** Jobs that are made of events of the history, and come with the task that brought these. */
const OF_EVENTS = [
  "fireTimer",
  "signalWorkflow",
  "cancelWorkflow",
  "resolveActivity",
  "resolveChildWorkflowExecutionStart",
  "resolveChildWorkflowExecution",
] as const;

const bringsEvents = ({ jobs }: Activation): boolean =>
  jobs?.some((job) => OF_EVENTS.some((name) => (job[name] ?? null) !== null)) === true;

/** To the nanosecond, which a number of milliseconds does not hold. */
const timeOf = ({ timestamp }: Activation): string =>
  `${String(timestamp?.seconds ?? 0)}.${timestamp?.nanos ?? 0}`;

/**
 * Keeps queries from moving a workflow. The server can deliver a query to a cached workflow together with events that no workflow
 * task has brought yet (temporalio/sdk-go#755), and the SDK then applies them: at the time of the task before, and before the
 * messages that the next task brings with them. A replay applies all of them in that next task, decides otherwise, and the workflow
 * is stuck at the next restart of its worker. So such an activation fails: the query is refused, the worker evicts the workflow from
 * its cache, and the next task replays the whole history. docs/adr/0016
 */
export const interceptors = (
  realTimeMs = (): number => workflowInfo().unsafe.now(),
): WorkflowInterceptors => {
  let lastTime = "";
  let lastLength = 0;

  /** Each task starts at a time of its own: events at the time of the last task are what a query brought. */
  const isOfQuery = (activation: Activation, batchIndex: number): boolean => {
    if (activation.isReplaying === true || timeOf(activation) !== lastTime) return false;
    const length = activation.historyLength ?? 0;
    // The same length: a task in between was dropped, an update that was refused, and its two events with it.
    const hasNews =
      length > lastLength ||
      (length === lastLength && batchIndex === 0 && bringsEvents(activation));
    // The clock of the server went back: the SDK's stands still until it has caught up. Nothing is refused meanwhile.
    return hasNews && realTimeMs() >= Number(activation.timestamp?.seconds ?? 0) * 1_000;
  };

  return {
    internals: [
      {
        activate(input, next) {
          const { activation, batchIndex } = input;
          if (activation.jobs?.every((job) => job.queryWorkflow) !== true) {
            if (isOfQuery(activation, batchIndex)) throw new Error(ASK_AGAIN);
            lastTime = timeOf(activation);
            lastLength = activation.historyLength ?? 0;
          }
          next(input);
        },
      },
    ],
  };
};
