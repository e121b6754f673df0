import type { Attendance } from "./outcome.ts";
import type { Stay } from "./stays.ts";

/** The part of a meeting that counts: from its start until it was closed or, at the latest, its end. */
export interface Span {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** Part of a meeting that somebody was in a room of it. */
export type Presence = Pick<Stay, "role" | "room" | "fromMs" | "untilMs">;

/** Share of the scheduled time that both have to be there together, at most: a meeting of a minute needs no minute of it. */
const TOGETHER_SHARE = 0.1;

/**
 * How long both must have been in the room together for the meeting to count as held, in milliseconds: `minTogetherS`, for
 * short meetings a tenth of the time they were sold with (an extension asks no more of anybody), and at least a second.
 */
export function requiredTogetherMs(scheduledS: number, minTogetherS: number): number {
  const shareMs = TOGETHER_SHARE * scheduledS * 1_000;
  return Math.max(1_000, Math.min(minTogetherS * 1_000, shareMs));
}

type Interval = readonly [fromMs: number, untilMs: number];

/** The same time as intervals in order and without overlaps. */
function union(intervals: readonly Interval[]): Interval[] {
  const merged: [number, number][] = [];
  const ordered = intervals
    .filter(([fromMs, untilMs]) => fromMs < untilMs)
    .sort(([one], [other]) => one - other);
  for (const [fromMs, untilMs] of ordered) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last[1]) last[1] = Math.max(last[1], untilMs);
    else merged.push([fromMs, untilMs]);
  }
  return merged;
}

/** The time that is in both, each in order and without overlaps. */
function intersection(ones: readonly Interval[], others: readonly Interval[]): Interval[] {
  const common: Interval[] = [];
  for (let one = 0, other = 0; ;) {
    const [a, b] = [ones[one], others[other]];
    if (a === undefined || b === undefined) return common;
    const [fromMs, untilMs] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
    if (fromMs < untilMs) common.push([fromMs, untilMs]);
    if (a[1] < b[1]) one += 1;
    else other += 1;
  }
}

const lengthOf = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [fromMs, untilMs]) => sum + untilMs - fromMs, 0);

/** How long each was there and both in the same room, within the span, whatever order the presences come in. */
export function attendanceFrom(
  presences: readonly Presence[],
  span: Span,
  source: Attendance["source"],
): Attendance {
  const of = (role: Presence["role"], ones: readonly Presence[]): Interval[] =>
    union(
      ones
        .filter((one) => one.role === role)
        .map((one) => [
          Math.max(one.fromMs, span.startsAtMs),
          Math.min(one.untilMs, span.endsAtMs),
        ]),
    );
  const together = [...Map.groupBy(presences, (one) => one.room).values()].flatMap((inRoom) =>
    intersection(of("host", inRoom), of("winner", inRoom)),
  );
  return {
    hostMs: lengthOf(of("host", presences)),
    winnerMs: lengthOf(of("winner", presences)),
    togetherMs: lengthOf(union(together)),
    source,
  };
}
