// What attendance makes of comings and goings, and what the outcome makes of attendance.
import { fc } from "../support/random.ts";
import { attendanceFrom, type Presence, requiredTogetherMs } from "../../src/domain/attendance.ts";
import { decideOutcome } from "../../src/domain/outcome.ts";
import { type Sighting, staysFrom } from "../../src/domain/stays.ts";

const SPAN = { startsAtMs: 1_000_000, endsAtMs: 1_000_000 + 1_800_000 };
const REQUIRED_MS = 60_000;

/** Somebody who was there from and until so many seconds after the start. */
const from = (
  role: Presence["role"],
  fromS: number,
  untilS = Number.POSITIVE_INFINITY,
  room = "room",
): Presence => ({
  role,
  room,
  fromMs: SPAN.startsAtMs + fromS * 1_000,
  untilMs: SPAN.startsAtMs + untilS * 1_000,
});

const outcomeOf = (presences: readonly Presence[], couldEnter = true): number =>
  decideOutcome(attendanceFrom(presences, SPAN, "occupancy"), REQUIRED_MS, couldEnter);

describe("how a meeting came out", () => {
  test.each([
    ["both stay", [from("host", 0), from("winner", 10)], 1],
    ["they have the required time together", [from("host", 0), from("winner", 0, 60)], 1],
    ["in pieces", [from("host", 0), from("winner", 0, 30), from("winner", 100, 130)], 1],
    ["one second together, and the host stays", [from("host", 0), from("winner", 5, 6)], 3],
    ["one second together, and the winner stays", [from("host", 5, 6), from("winner", 0)], 2],
    ["the host looks in and nobody comes", [from("host", 0, 5)], 2],
    ["the host waits and nobody comes", [from("host", 0, 60)], 3],
    ["nobody comes", [], 2],
    ["they miss one another, equally long", [from("host", 0, 90), from("winner", 90, 180)], 2],
    ["each is in another room", [from("host", 0), from("winner", 0, 1_800, "other")], 2],
    ["they only met before the start", [from("host", -500, -100), from("winner", -500)], 2],
    ["they only meet after the end", [from("host", 0), from("winner", 1_800, 3_000)], 3],
    ["two of the host's connections are one host", [from("host", 0, 50), from("host", 0, 50)], 2],
  ] as const)("%s", (_name, presences, outcome) => {
    expect(outcomeOf(presences)).toBe(outcome);
  });

  test("a winner who could not enter does not pay for staying away", () => {
    expect(outcomeOf([from("host", 0)], false)).toBe(2);
  });

  test.each([
    [3_600, 60_000],
    [600, 60_000],
    [60, 6_000],
    [5, 1_000],
    [0, 1_000],
  ])("of %i scheduled seconds, %i ms together are required", (scheduledS, requiredMs) => {
    expect(requiredTogetherMs(scheduledS, 60)).toBe(requiredMs);
  });
});

describe("a stay", () => {
  interface Told {
    readonly joined?: readonly number[];
    readonly left?: readonly number[];
    readonly grantedAtMs?: number | null;
    readonly withdrawnAtMs?: number;
    readonly roomLeftAtMs?: number;
    readonly toldAtMs?: number;
  }
  const who = { role: "winner", roomName: "room", breakout: "", occupantId: "o" } as const;
  const sightings = (told: Told): Sighting[] =>
    (["joined", "left"] as const).flatMap((kind) =>
      (told[kind] ?? []).map((atMs) => ({
        ...who,
        sessionId: null,
        kind,
        atMs,
        receivedAtMs: told.toldAtMs ?? null,
        grantedAtMs: told.grantedAtMs === undefined ? 5 : told.grantedAtMs,
        withdrawnAtMs: told.withdrawnAtMs ?? null,
      })),
    );
  test.each<readonly [string, Told, readonly number[], readonly (readonly [number, number])[]]>([
    ["as reported", { joined: [10], left: [20] }, [], [[10, 20]]],
    [
      "that comes again",
      { joined: [10, 30], left: [20, 40] },
      [],
      [
        [10, 20],
        [30, 40],
      ],
    ],
    ["whose going was lost lasts until the room's end", { joined: [10] }, [40, 30, 7], [[10, 30]]],
    [
      "that comes again after the room's end",
      { joined: [10, 40] },
      [30],
      [
        [10, 30],
        [40, Infinity],
      ],
    ],
    ["whose going was lost, in a room that goes on", { joined: [10] }, [7], [[10, Infinity]]],
    ["whose coming was lost began with the grant", { left: [20] }, [], [[5, 20]]],
    [
      "whose second coming was lost",
      { joined: [10], left: [20, 30] },
      [],
      [
        [10, 20],
        [30, 30],
      ],
    ],
    ["of which only the going is known", { left: [20], grantedAtMs: null }, [], [[20, 20]]],
    ["of a pass that moved on ends with it", { joined: [10], withdrawnAtMs: 15 }, [], [[10, 15]]],
    [
      "in a room that the meeting left ends with it",
      { joined: [10], roomLeftAtMs: 15 },
      [],
      [[10, 15]],
    ],
    ["begins with the grant at the earliest", { joined: [1], left: [20] }, [], [[5, 20]]],
    [
      "ends when we were told at the latest",
      { joined: [10], left: [90], toldAtMs: 50 },
      [],
      [[10, 50]],
    ],
  ])("%s", (_name, told, ends, expected) => {
    const roomEnds = [
      ...ends.map((atMs) => ({ roomName: "room", atMs, receivedAtMs: 1_000 })),
      { roomName: "other", atMs: 11, receivedAtMs: 1_000 },
    ];
    const lefts =
      told.roomLeftAtMs === undefined ? [] : [{ roomName: "room", atMs: told.roomLeftAtMs }];
    const stays = staysFrom(sightings(told), roomEnds, lefts);
    expect(stays.map((one) => [one.fromMs, one.untilMs])).toEqual(expected);
  });
});

test("time is never counted twice, outside the meeting, or by the order it is told in", () => {
  const second = fc.integer({ min: -600, max: 3_000 });
  const presence = fc
    .tuple(fc.constantFrom("host" as const, "winner" as const), second, second)
    .map(([role, one, other]) => from(role, Math.min(one, other), Math.max(one, other)));
  fc.assert(
    fc.property(fc.array(presence, { maxLength: 8 }), fc.integer(), (presences, turn) => {
      const counted = attendanceFrom(presences, SPAN, "occupancy");
      // The plain definition, second by second.
      const there = (role: Presence["role"], atMs: number): boolean =>
        presences.some((one) => one.role === role && one.fromMs <= atMs && atMs < one.untilMs);
      const expected = { hostMs: 0, winnerMs: 0, togetherMs: 0 };
      for (let atMs = SPAN.startsAtMs; atMs < SPAN.endsAtMs; atMs += 1_000) {
        const [host, winner] = [there("host", atMs), there("winner", atMs)];
        if (host) expected.hostMs += 1_000;
        if (winner) expected.winnerMs += 1_000;
        if (host && winner) expected.togetherMs += 1_000;
      }
      expect(counted).toEqual({ ...expected, source: "occupancy" });
      const at = presences.length === 0 ? 0 : Math.abs(turn) % presences.length;
      const turned = [...presences.slice(at), ...presences.slice(0, at), ...presences];
      expect(attendanceFrom(turned, SPAN, "occupancy")).toEqual(counted);
    }),
  );
});
