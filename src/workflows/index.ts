export { auction } from "./auction.ts";
export { meeting } from "./meeting.ts";
export { chainIndexer, reconcile, wallet } from "./services.ts";
