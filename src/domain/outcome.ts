import type { Outcome } from "./process.ts";

/** How long each was in the meeting, in milliseconds. `source` says how that is known. */
export interface Attendance {
  readonly hostMs: number;
  readonly winnerMs: number;
  readonly togetherMs: number;
  /** `occupancy`: Jitsi told who entered. `grants`: it told nothing, so being let in counts as being there from then on. */
  readonly source: "occupancy" | "grants";
}

/**
 * What the contract is told: 1 held, 2 the host never came (the winner is refunded), 3 the winner never came (the host is
 * paid for having been there).
 *
 * Held is a meeting in which both were together for `requiredMs`. Else it is the fault of whoever was there for less time,
 * and the host's in doubt (also when neither came), as the host owed the meeting; a host who did not stay for `requiredMs`
 * is not paid for having looked in. A winner whose pass was minted only after the meeting could not come, through no fault
 * of theirs, and is refunded.
 */
export function decideOutcome(
  attendance: Attendance,
  requiredMs: number,
  winnerCouldEnter: boolean,
): Outcome {
  if (attendance.togetherMs >= requiredMs) return 1;
  if (attendance.hostMs < requiredMs || attendance.hostMs <= attendance.winnerMs) return 2;
  return winnerCouldEnter ? 3 : 2;
}
