import type { WorkflowInterceptors } from "@temporalio/workflow";

/** The start of the message of a query that was refused here. Whoever asked asks again. */
export const ASK_AGAIN = "this workflow has just taken in news, ask again";

/**
 * Keeps queries from moving a workflow. The server can deliver a query to a cached workflow together with events that no workflow
 * task has brought yet (temporalio/sdk-go#755), and the SDK then applies them: at the time of the task before, and before the
 * messages that the next task brings with them. A replay applies all of them in that next task, decides otherwise, and the workflow
 * is stuck at the next restart of its worker. So such an activation fails: the query is refused, the worker forgets what it had
 * cached, and the next task replays the whole history. docs/adr/0016
 */
export const interceptors = (): WorkflowInterceptors => {
  let lastTime = "";
  let lastLength = 0;
  return {
    internals: [
      {
        activate(input, next) {
          const { jobs, timestamp, historyLength, isReplaying } = input.activation;
          if (jobs?.every((job) => job.queryWorkflow) !== true) {
            const time = `${String(timestamp?.seconds)}.${timestamp?.nanos}`;
            const length = historyLength ?? 0;
            // Each task starts at a time of its own: more history at the time of the last task is what a query brought.
            const isOfQuery = time === lastTime && length > lastLength && isReplaying !== true;
            if (isOfQuery) throw new Error(ASK_AGAIN);
            lastTime = time;
            lastLength = length;
          }
          next(input);
        },
      },
    ],
  };
};
