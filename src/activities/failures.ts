import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import type { Context } from "@temporalio/activity";
import type { ActivityInboundCallsInterceptor } from "@temporalio/worker";
import type { Logger } from "../logging.ts";
import { withLogContext } from "../logging.ts";
import { AppError, messageOf } from "../errors.ts";

/**
 * Turns our classified errors into Temporal's: `refuse` ends the activity, everything else is tried again. The type is the
 * error's code, and the message is ours, so no secret of a vendor's error gets into a history.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (error instanceof AppError) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: error.kind === "refuse",
      ...(error.retryAfterS === undefined ? {} : { nextRetryDelay: error.retryAfterS * 1000 }),
    });
  }
  return ApplicationFailure.create({
    message: messageOf(error),
    type: error instanceof Error ? error.name : "Error",
    nonRetryable: false,
  });
}

/** Puts the workflow's id on every line an activity logs, and classifies what it throws. */
export function activityInterceptor(
  context: Context,
  logger: Logger,
): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      const { activityType, attempt, workflowExecution } = context.info;
      const workflowId = workflowExecution?.workflowId ?? "none";
      const auctionId = /^auction\/\d+\/0x[0-9a-f]+\/(\d+)$/.exec(workflowId)?.[1];
      const meetingId = /^meeting\/(.+)$/.exec(workflowId)?.[1];
      return withLogContext(
        {
          workflowId,
          ...(auctionId === undefined ? {} : { auctionId }),
          ...(meetingId === undefined ? {} : { meetingId }),
        },
        async () => {
          try {
            const startedMs = performance.now();
            const result = await next(input);
            logger.info("an activity is done", {
              activityType,
              attempt,
              durationMs: Math.round(performance.now() - startedMs),
            });
            return result;
          } catch (error) {
            // A first "not yet" is how waiting for the other side looks; it is worth a warning only when it lasts.
            const stopping = error instanceof AppError && error.code === "worker_stopping";
            if (stopping) logger.info("a job is handed over", { activityType });
            const expected = error instanceof AppError && error.kind === "retry" && attempt < 3;
            if (!stopping && !(error instanceof CancelledFailure))
              logger.log(expected ? "info" : "warn", "an activity failed", {
                activityType,
                attempt,
                error,
              });
            throw toFailure(error);
          }
        },
      );
    },
  };
}
