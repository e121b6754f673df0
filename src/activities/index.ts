import type { createAuctionActivities } from "./auction.ts";
import type { createChainActivities } from "./chain.ts";
import type { createMeetingActivities } from "./meeting.ts";
import type { createOperatorActivities } from "./operators.ts";
import type { createReconcileActivities } from "./reconcile.ts";

/** What workflows may call on the `auction` task queue. */
export type Activities = ReturnType<typeof createAuctionActivities> &
  ReturnType<typeof createMeetingActivities> &
  ReturnType<typeof createOperatorActivities> &
  ReturnType<typeof createReconcileActivities>;

/** What runs on the `chain` task queue, where the keys are. */
export type ChainActivities = ReturnType<typeof createChainActivities>;
