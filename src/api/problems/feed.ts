import { kind, type ProblemKinds } from "./kinds.ts";

/** Realtime events and what is delivered of them. */
export const FEED_PROBLEMS: ProblemKinds = {
  events_pruned: kind(
    410,
    "Events not kept any more",
    "Events are kept for some weeks, and the ones after that `after` are gone.",
    "Read the state anew from the other routes, then ask for events without `after`.",
  ),
};
