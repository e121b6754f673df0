import { type Client, WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import type { auction, AuctionArguments } from "./auction.ts";
import type { meeting } from "./meeting.ts";
import { attributesOf } from "./search-attributes.ts";
import {
  type AuctionInput,
  auctionWorkflowId,
  type MeetingInput,
  meetingWorkflowId,
  TASK_QUEUES,
} from "./messages.ts";

/**
 * Starts the process of an auction, once for ever: a running one is left alone, and a finished one is not opened again by
 * a late message. Only `again` opens it: for reconcile, which has looked and found that the auction is not over.
 */
export async function startAuctionWorkflow(
  client: Client,
  input: AuctionInput & Pick<AuctionArguments, "progress">,
  leadMs: number,
  again = false,
): Promise<void> {
  try {
    await client.workflow.start<typeof auction>("auction", {
      workflowId: auctionWorkflowId(input),
      taskQueue: TASK_QUEUES.auction,
      args: [{ ...input, leadMs }],
      workflowIdReusePolicy: again ? "ALLOW_DUPLICATE" : "REJECT_DUPLICATE",
      workflowIdConflictPolicy: "USE_EXISTING",
      staticSummary: `Auction ${input.auctionId} of ${input.host}`,
      typedSearchAttributes: attributesOf(input, "bidding"),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** Starts the process of a meeting that has lost it: for reconcile, which has looked that none runs. Its auction starts the first one. */
export async function startMeetingWorkflow(client: Client, input: MeetingInput): Promise<void> {
  try {
    await client.workflow.start<typeof meeting>("meeting", {
      workflowId: meetingWorkflowId(input.meetingId),
      taskQueue: TASK_QUEUES.auction,
      args: [input],
      workflowIdReusePolicy: "ALLOW_DUPLICATE",
      workflowIdConflictPolicy: "USE_EXISTING",
      staticSummary: `Meeting of auction ${input.auctionId}`,
      typedSearchAttributes: attributesOf(input, "scheduled"),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
