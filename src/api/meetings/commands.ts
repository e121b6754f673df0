import {
  ApplicationFailure,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  WorkflowUpdateStage,
  isGrpcServiceError,
} from "@temporalio/client";
import type { UpdateDefinition } from "@temporalio/common";
import type { MeetingRow } from "../../db/access.ts";
import { AppError, refused, unavailable } from "../../errors.ts";
import { type MeetingState, meetingWorkflowId } from "../../workflows/messages.ts";
import type { ApiDeps } from "../context.ts";

/** How long a request waits for a worker to take a command, and then for its result. */
const ACCEPT_TIMEOUT_MS = 10_000;
const RESULT_TIMEOUT_MS = 10_000;

/** Refusals of the workflow by their type; any other is a conflict with the state the meeting is in. */
const STATUS_OF_REFUSAL: Readonly<Record<string, number>> = {
  not_the_host: 403,
  bad_minutes: 422,
  extension_too_long: 422,
};

/** The state after the command, or `undefined` when it was accepted and is still at work. */
export type CommandResult = MeetingState | undefined;

export interface MeetingCommand<Args extends [object]> {
  readonly update: UpdateDefinition<MeetingState, Args>;
  readonly args: Args;
  readonly meeting: MeetingRow;
  /** The update's id: the same for repeats under one Idempotency-Key. */
  readonly commandId: string;
}

/**
 * Sends an update to the meeting's workflow. Temporal answers every update of one id with the result of the first, so a repeat
 * after a lost answer gets the same one, also when the process is over by then.
 * @throws AppError refuse 403, 409, 422 by what the workflow says; unknown 503 `outcome_unknown`
 */
export async function commandMeeting<Args extends [object]>(
  deps: ApiDeps,
  { update, args, meeting, commandId: updateId }: MeetingCommand<Args>,
): Promise<CommandResult> {
  const handle = deps.temporal.workflow.getHandle(meetingWorkflowId(meeting.id));
  let started;
  try {
    started = await deps.temporal.withDeadline(Date.now() + ACCEPT_TIMEOUT_MS, () =>
      handle.startUpdate<MeetingState, Args>(update, {
        args,
        updateId,
        waitForStage: WorkflowUpdateStage.ACCEPTED,
      }),
    );
  } catch (error) {
    throw explain(error, meeting);
  }
  try {
    return await deps.temporal.withDeadline(Date.now() + RESULT_TIMEOUT_MS, () => started.result());
  } catch (error) {
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return undefined;
    throw explain(error, meeting);
  }
}

/** The failure a workflow gave, wherever it sits in the chain of causes: an activity's is one deeper. */
function applicationFailure(error: unknown): ApplicationFailure | undefined {
  let found: ApplicationFailure | undefined;
  for (let one: unknown = error; one instanceof Error; one = one.cause)
    if (one instanceof ApplicationFailure) found = one;
  return found;
}

function explain(error: unknown, meeting: MeetingRow): AppError {
  if (error instanceof WorkflowUpdateFailedError) {
    const failure = applicationFailure(error);
    const code = failure?.type ?? "meeting_command_failed";
    return refused(
      code,
      failure?.message ?? "the meeting could not do that",
      STATUS_OF_REFUSAL[code] ?? 409,
    );
  }
  if (error instanceof WorkflowNotFoundError) {
    if (meeting.state === "closed" || meeting.state === "closing" || meeting.endsAt <= new Date())
      return refused("meeting_over", "this meeting is over", 409);
    return new AppError({
      kind: "retry",
      code: "meeting_not_running",
      message: "the meeting's process is not running yet; try again soon",
      status: 503,
      retryAfterS: 5,
      cause: error,
    });
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return new AppError({
      kind: "unknown",
      code: "outcome_unknown",
      message:
        "no worker answered in time, so the command may or may not take effect; look at the meeting, or repeat with the same Idempotency-Key",
      status: 503,
      retryAfterS: 5,
      cause: error,
    });
  }
  if (isGrpcServiceError(error) || (error instanceof Error && isGrpcServiceError(error.cause)))
    return unavailable(
      "temporal_unavailable",
      "the workflow service does not answer; try again soon",
      error,
    );
  return unavailable(
    "meeting_command_failed",
    "the command could not be sent; try again soon",
    error,
  );
}
