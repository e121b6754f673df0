export {
  type Answer,
  type Api,
  type ApiOptions,
  createApi,
  type DataOf,
  each,
  ok,
  type TokenSource,
} from "./api.ts";
export {
  announceAuction,
  closeMeeting,
  type CommandHeader,
  follow,
  once,
  type Patience,
} from "./commands.ts";
export {
  type ContractError,
  type ContractErrorName,
  explainContractError,
} from "./contract-errors.ts";
export {
  type Closing,
  type EventsByType,
  Feed,
  type FeedEnd,
  type FeedEvents,
  type FeedOptions,
  type FollowAnswer,
  FollowError,
} from "./feed.ts";
export { type Advice, type ProblemCode, ProblemError } from "./problem.ts";
export { meetingAuctionAbi, meetingPassAbi } from "./generated/contracts.ts";
export type * from "./generated/api.ts";
