/**
 * Places at which a test may kill the process: between every two side effects. `CRASH_AT=<point>[:<n>]` names one of them
 * and, optionally, which pass through it is the last. Without it a hook is one comparison with undefined.
 */
export const CRASH_POINTS = [
  // the wallet sender: commit → broadcast → note; the same for a replacement and for a cancel
  "sender.started",
  "sender.stored",
  "sender.broadcast",
  "sender.noted",
  "sender.replacement-stored",
  "sender.cancel-stored",
  // what came of it: receipt read → results and messages committed
  "receipts.read",
  "receipts.committed",
  "receipts.vanished",
  // the indexer: block read → block, projections, events and messages committed
  "indexer.read",
  "indexer.committed",
  "indexer.rolled-back",
  // the outbox relay: read → delivered to Temporal → marked
  "relay.read",
  "relay.delivered",
  "relay.marked",
  // activities: before and after the commit that is their effect
  "end.asking",
  "end.asked",
  "sale.arranging",
  "sale.arranged",
  "meeting.room-ended",
  "meeting.settling",
  "outcome.announced",
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

export interface CrashAt {
  readonly point: CrashPoint;
  /** The pass, counted from 1, that kills. */
  readonly pass: number;
}

let armed: CrashAt | undefined;
let passes = 0;

/** Arms one crash point for the life of this process; undefined disarms. */
export function armCrash(at: CrashAt | undefined): void {
  armed = at;
  passes = 0;
}

/** Dies here, at once and without any clean-up, when this point is the armed one. */
export function crashPoint(point: CrashPoint): void {
  if (armed === undefined || armed.point !== point) return;
  passes += 1;
  if (passes === armed.pass) process.kill(process.pid, "SIGKILL");
}
