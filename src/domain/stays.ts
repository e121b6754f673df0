/** A coming or a going that Jitsi reported, by Jitsi's clock; any of them may have been lost, or told several times. */
export interface Sighting {
  readonly role: "host" | "winner";
  readonly roomName: string;
  /** Which breakout room of it; empty for the room itself. */
  readonly breakout: string;
  /** One connection, which may leave a room and come back to it. */
  readonly occupantId: string;
  readonly sessionId: string | null;
  readonly kind: "joined" | "left";
  readonly atMs: number;
  /** When we were told first; null where that was not kept. */
  readonly receivedAtMs: number | null;
  /** When this occupant was let in by us; null where that was not kept. */
  readonly grantedAtMs: number | null;
  /** From when on this occupant had no right to be there, whatever Jitsi did about it. */
  readonly withdrawnAtMs: number | null;
}

/** When a room was destroyed, by Jitsi's clock: whoever had come before has left it then. */
export interface RoomEnd {
  readonly roomName: string;
  readonly atMs: number;
  readonly receivedAtMs: number;
}

/** When a meeting moved out of a room, by our clock: nobody is at the meeting there any more. */
export interface RoomLeft {
  readonly roomName: string;
  readonly atMs: number;
}

/** One coming of one connection and what ended it. Unix milliseconds, the end is not included; infinite: still there. */
export interface Stay {
  readonly role: "host" | "winner";
  /** People with the same text here see one another. */
  readonly room: string;
  readonly roomName: string;
  readonly breakout: string;
  readonly occupantId: string;
  readonly sessionId: string | null;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whether nothing says that the connection has left, whatever right it has to be there. */
  readonly isThere: boolean;
  /** The coming, by Jitsi's clock and as first told: which connection is the newer one. */
  readonly joinedAtMs: number;
  readonly toldAtMs: number;
}

/** What Jitsi's clock says, as far as it can be: after the grant, and before we were told. */
function possible(atMs: number, seen: Sighting, receivedAtMs: number | null): number {
  return Math.min(Math.max(atMs, seen.grantedAtMs ?? atMs), receivedAtMs ?? Infinity);
}

/** The first room end after a time; `ends` are in order. */
function firstAfter(ends: readonly RoomEnd[], atMs: number): RoomEnd | undefined {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle]?.atMs ?? Infinity) > atMs) high = middle;
    else low = middle + 1;
  }
  return ends[low];
}

interface Edge {
  readonly atMs: number;
  readonly receivedAtMs: number | null;
}

const NEVER: Edge = { atMs: Infinity, receivedAtMs: null };

/** A stay of whoever `seen` is. */
function stayOf(seen: Sighting, fromMs: number, going: Edge): Stay {
  const { role, roomName, breakout, occupantId, sessionId, withdrawnAtMs } = seen;
  const untilMs =
    going.atMs === Infinity ? Infinity : possible(going.atMs, seen, going.receivedAtMs);
  return {
    role,
    roomName,
    breakout,
    occupantId,
    sessionId,
    fromMs,
    room: breakout === "" ? roomName : `${roomName}/${breakout}`,
    untilMs: Math.min(untilMs, withdrawnAtMs ?? Infinity),
    isThere: untilMs === Infinity,
    joinedAtMs: seen.atMs,
    toldAtMs: seen.receivedAtMs ?? 0,
  };
}

/**
 * Pairs the comings and goings of one connection to one room. Jitsi counts whole seconds: of a coming and a going in the
 * same one, the going is first for whoever was there before. A going that was not reported is that of the room, else it has
 * not happened; a first coming that was not reported is the grant, any other only the moment of its going.
 */
function pair(sightings: readonly Sighting[], ends: readonly RoomEnd[]): Stay[] {
  const stays: Stay[] = [];
  let came: Sighting | undefined;
  let end = NEVER;
  const leave = (seen: Sighting, going: Edge): void => {
    stays.push(stayOf(seen, possible(seen.atMs, seen, seen.receivedAtMs), going));
  };
  const inOrder = sightings.toSorted((one, other) => one.atMs - other.atMs);
  for (const [atMs, group] of Map.groupBy(inOrder, (one) => one.atMs)) {
    const joined = group.find((one) => one.kind === "joined");
    const left = group.find((one) => one.kind === "left");
    if (came !== undefined && end.atMs < atMs) {
      leave(came, end);
      came = undefined;
    }
    if (came !== undefined && (left !== undefined || end.atMs === atMs)) {
      leave(came, left ?? end);
      came = undefined;
    } else if (came === undefined && left !== undefined) {
      const granted = inOrder[0] === left ? left.grantedAtMs : null;
      const only = possible(atMs, left, left.receivedAtMs);
      stays.push(stayOf(left, joined === undefined ? (granted ?? only) : only, left));
      continue;
    }
    if (joined !== undefined && came === undefined) {
      came = joined;
      end = firstAfter(ends, atMs) ?? NEVER;
    }
  }
  if (came !== undefined) leave(came, end);
  return stays;
}

/** Who was where and when. A stay ends at the latest when the meeting moved out of its room. */
export function staysFrom(
  sightings: readonly Sighting[],
  ends: readonly RoomEnd[],
  lefts: readonly RoomLeft[],
): Stay[] {
  const inOrder = ends.toSorted((one, other) => one.atMs - other.atMs);
  const endsOf = Map.groupBy(inOrder, (end) => end.roomName);
  const leftAt = new Map(lefts.map((left) => [left.roomName, left.atMs]));
  const connections = Map.groupBy(sightings, ({ roomName, breakout, occupantId }) =>
    JSON.stringify([roomName, breakout, occupantId]),
  );
  return [...connections.values()]
    .flatMap((own) => pair(own, endsOf.get(own[0]?.roomName ?? "") ?? []))
    .map((stay) => ({
      ...stay,
      untilMs: Math.min(stay.untilMs, leftAt.get(stay.roomName) ?? Infinity),
    }));
}

/**
 * Who has to go: whoever is still in the room of that name although their session is over, or although a newer connection
 * of the same session has come, as a link that was given on lets one in.
 */
export function overstaying(
  stays: readonly Stay[],
  roomName: string,
  endedSessions: ReadonlySet<string>,
): readonly string[] {
  const there = stays.filter(
    (one) => one.roomName === roomName && one.isThere && one.sessionId !== null,
  );
  const newest = new Map<string | null, Stay>();
  for (const one of there) {
    const other = newest.get(one.sessionId);
    if (other === undefined || isNewer(one, other)) newest.set(one.sessionId, one);
  }
  const out = there.filter(
    (one) =>
      one.breakout === "" &&
      (endedSessions.has(one.sessionId ?? "") ||
        newest.get(one.sessionId)?.occupantId !== one.occupantId),
  );
  return [...new Set(out.map((one) => one.occupantId))];
}

const isNewer = (one: Stay, other: Stay): boolean =>
  one.joinedAtMs === other.joinedAtMs
    ? one.toldAtMs > other.toldAtMs
    : one.joinedAtMs > other.joinedAtMs;
