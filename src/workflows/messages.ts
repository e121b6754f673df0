import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type {
  AuctionState,
  CancelledMessage,
  CloseCommand,
  ExtendCommand,
  ExtendedMessage,
  MeetingState,
  OperationSettledMessage,
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
