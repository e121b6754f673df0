import type { Attendance } from "./outcome.ts";

/** Part of a meeting that somebody was in the room. Unix milliseconds; the end is not included. */
export interface Presence {
  readonly role: "host" | "winner";
  readonly fromMs: number;
  readonly untilMs: number;
}

/** One connection to a room as Jitsi's events tell of it; any of them may have been lost. */
export interface Stay {
  readonly role: "host" | "winner";
  readonly roomName: string | null;
  readonly joinedAtMs: number | null;
  readonly leftAtMs: number | null;
  /** When this occupant was let in by us: stands in for a coming that was not reported. */
  readonly grantedAtMs: number | null;
  /** From when on this occupant had no right to be there, whatever Jitsi did about it. */
  readonly withdrawnAtMs: number | null;
}

/** When a room was destroyed: whoever was in it has left it then. */
export interface RoomEnd {
  readonly roomName: string;
  readonly atMs: number;
}

/**
 * When somebody was there. A going that was not reported is that of the room, else it has not happened; a coming that was not
 * reported is the grant, else only the moment of the going is known.
 */
export function presenceOf(stay: Stay, ends: readonly RoomEnd[]): Presence {
  const { role, roomName, joinedAtMs, leftAtMs, grantedAtMs, withdrawnAtMs } = stay;
  const fromMs = joinedAtMs ?? grantedAtMs ?? leftAtMs ?? Number.POSITIVE_INFINITY;
  const roomEndMs = Math.min(
    ...ends.filter((end) => end.roomName === roomName && end.atMs >= fromMs).map((end) => end.atMs),
    Number.POSITIVE_INFINITY,
  );
  return {
    role,
    fromMs,
    untilMs: Math.min(leftAtMs ?? roomEndMs, withdrawnAtMs ?? Number.POSITIVE_INFINITY),
  };
}

/** The part of a meeting that counts: from its start until it was closed or, at the latest, its end. */
export interface Span {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

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

/** The intervals within the span, in order and without overlaps. */
function union(presences: readonly Presence[], span: Span): Interval[] {
  const merged: [number, number][] = [];
  const clipped = presences
    .map((one): Interval => [
      Math.max(one.fromMs, span.startsAtMs),
      Math.min(one.untilMs, span.endsAtMs),
    ])
    .filter(([fromMs, untilMs]) => fromMs < untilMs)
    .sort(([one], [other]) => one - other);
  for (const [fromMs, untilMs] of clipped) {
    const last = merged.at(-1);
    if (last !== undefined && fromMs <= last[1]) last[1] = Math.max(last[1], untilMs);
    else merged.push([fromMs, untilMs]);
  }
  return merged;
}

const lengthOf = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [fromMs, untilMs]) => sum + untilMs - fromMs, 0);

/** How long each was there and both together, whatever order the presences come in. */
export function attendanceFrom(
  presences: readonly Presence[],
  span: Span,
  source: Attendance["source"],
): Attendance {
  const of = (role: Presence["role"]): Interval[] =>
    union(
      presences.filter((one) => one.role === role),
      span,
    );
  const [host, winner] = [of("host"), of("winner")];
  const together = host.flatMap(([hostFrom, hostUntil]) =>
    winner.map(([from, until]): Interval => [Math.max(hostFrom, from), Math.min(hostUntil, until)]),
  );
  return {
    hostMs: lengthOf(host),
    winnerMs: lengthOf(winner),
    togetherMs: lengthOf(together.filter(([fromMs, untilMs]) => fromMs < untilMs)),
    source,
  };
}
