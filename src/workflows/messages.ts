import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type {
  AuctionState,
  CancelledMessage,
  ChainReport,
  CloseCommand,
  ExtendCommand,
  ExtendedMessage,
  MeetingInput,
  MeetingState,
  OperationSettledMessage,
  OperatorCommand,
  OverruleCommand,
  RevertedMessage,
  RoomLeftMessage,
  WithdrawnMessage,
} from "../domain/process.ts";

export * from "../domain/process.ts";

/** Everything that can be said to a workflow. Clients, activities and the outbox import this file; it orchestrates nothing. */
export const extendedSignal = defineSignal<[ExtendedMessage]>("extended");
export const cancelledSignal = defineSignal<[CancelledMessage]>("cancelled");
export const revertedSignal = defineSignal<[RevertedMessage]>("reverted");
export const operationSettledSignal = defineSignal<[OperationSettledMessage]>("operationSettled");
export const withdrawnSignal = defineSignal<[WithdrawnMessage]>("withdrawn");
export const auctionStateQuery = defineQuery<AuctionState>("state");
export const extendUpdate = defineUpdate<MeetingState, [ExtendCommand]>("extend");
export const closeUpdate = defineUpdate<MeetingState, [CloseCommand]>("close");
export const overruleUpdate = defineUpdate<MeetingState, [OverruleCommand]>("overrule");
export const roomLeftSignal = defineSignal<[RoomLeftMessage]>("roomLeft");
export const meetingStateQuery = defineQuery<MeetingState>("state");
/** For reconcile: what a database that was lost knew of the meeting. */
export const meetingInputQuery = defineQuery<MeetingInput>("input");

// What operators may do, with the Web UI, the Temporal CLI or npm run ops. Every one is written to operator_actions.
export const endNowUpdate = defineUpdate<AuctionState, [OperatorCommand]>("endNow");
export const retryFailedStepUpdate = defineUpdate<AuctionState | MeetingState, [OperatorCommand]>(
  "retryFailedStep",
);
export const recheckChainUpdate = defineUpdate<ChainReport, [OperatorCommand]>("recheckChain");
export const pauseUpdate = defineUpdate<void, [OperatorCommand]>("pause");
export const resumeUpdate = defineUpdate<void, [OperatorCommand]>("resume");
