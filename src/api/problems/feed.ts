import { kind, type ProblemKinds } from "./kinds.ts";

/** Realtime events and what is delivered of them. */
export const FEED_PROBLEMS: ProblemKinds = {
  events_pruned: kind(
    410,
    "Events not kept any more",
    "Events are kept for some weeks, and the ones after that `after` are gone.",
    "Read the state anew from the other routes, then ask for events without `after`.",
  ),
  webhook_not_found: kind(
    404,
    "No such webhook",
    "There is no webhook with that id, or it is not yours.",
    "List yours with GET /api/webhooks.",
  ),
  webhook_url_refused: kind(
    422,
    "URL refused",
    "Messages go to https URLs at public addresses, without user name, password or fragment.",
    "Give the public https URL of your server. While developing (NODE_ENV other than production) http and local addresses go too.",
  ),
  too_many_webhooks: kind(
    409,
    "Too many webhooks",
    "One user has so many webhooks at most.",
    "Remove one with DELETE /api/webhooks/{id} first, or let one take more types of events.",
  ),
};
