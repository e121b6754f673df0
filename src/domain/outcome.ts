import type { Outcome } from "./process.ts";

/** Who was there. `source` says how that is known. */
export interface Attendance {
  readonly host: boolean;
  readonly winner: boolean;
  /** `occupancy`: Jitsi told who entered. `grants`: it told nothing, so being let in counts as being there. */
  readonly source: "occupancy" | "grants";
}

/**
 * What the contract is told: 1 held, 2 the host never came (the winner is refunded, also when neither came: the host
 * owed the meeting), 3 the winner never came (the host is paid for having been there). A winner whose pass was minted only
 * after the meeting could not come, through no fault of theirs, and is refunded.
 */
export function decideOutcome(attendance: Attendance, winnerCouldEnter: boolean): Outcome {
  if (!attendance.host) return 2;
  if (attendance.winner) return 1;
  return winnerCouldEnter ? 3 : 2;
}
