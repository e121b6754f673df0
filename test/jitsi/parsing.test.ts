import { fc, runs } from "../support/random.ts";
import { AppError } from "../../src/errors.ts";
import { parseOccupancyEvents, parseReservationRequest } from "../../src/jitsi/index.ts";
import { outcomeOf } from "../para/refusals.ts";

describe("a reservation request", () => {
  test("is read from the form as Prosody sends it", () => {
    const form =
      "name=Auction-Room&start_time=2026-11-22T19%3a56%3a38.000Z&mail_owner=1b2c%40meet.example.org";
    const expected = {
      room: "auction-room",
      name: "Auction-Room",
      mailOwner: "1b2c@meet.example.org",
      startTime: new Date("2026-11-22T19:56:38.000Z"),
    };
    expect(parseReservationRequest(form)).toEqual(expected);
    expect(parseReservationRequest(Object.fromEntries(new URLSearchParams(form)))).toEqual(
      expected,
    );
  });

  test.each([
    undefined,
    null,
    "",
    "name=x",
    { name: ["a", "b"] },
    { name: "x", start_time: "today", mail_owner: "y" },
  ])("%j is refused", async (form) => {
    await expect(outcomeOf(() => parseReservationRequest(form))).resolves.toBe(
      "refuse reservation_malformed 400",
    );
  });
});

describe("an occupancy event", () => {
  const occupant = {
    name: "James",
    email: "j@example.org",
    id: "u-1",
    occupant_jid: "14f01c40@meet.example.org/OWhl8jSh",
    joined_at: 1_625_823_996,
    left_at: 1_625_824_035,
  };
  const who = () => ({
    room: "catchup",
    occupantId: "14f01c40@meet.example.org/OWhl8jSh",
    userId: "u-1",
  });
  const base = {
    room_name: "Catchup",
    room_jid: "catchup@conference.meet.example.org",
    is_breakout: false,
  };

  test("of event_sync is read", () => {
    expect(
      parseOccupancyEvents({
        event_name: "muc-occupant-left",
        ...base,
        active_occupants_count: 3,
        occupant,
      }),
    ).toEqual([
      { kind: "joined", at: new Date("2021-07-09T09:46:36.000Z"), ...who() },
      { kind: "left", at: new Date("2021-07-09T09:47:15.000Z"), ...who() },
    ]);
  });

  test.each([
    [
      "a list",
      [
        { ...occupant, left_at: null },
        { occupant_jid: "b@x/y", joined_at: 5, left_at: 6 },
      ],
    ],
    ["an empty list as Lua writes it", {}],
    ["nothing", undefined],
  ])("of a room's end tells of everybody who was in it: %s", (_name, all_occupants) => {
    const events = parseOccupancyEvents({
      event_name: "muc-room-destroyed",
      ...base,
      destroyed_at: 1_625_824_100,
      all_occupants,
    });
    expect(events.map((event) => [event.kind, event.occupantId])).toEqual([
      ...(Array.isArray(all_occupants)
        ? [
            ["joined", occupant.occupant_jid],
            ["joined", "b@x/y"],
            ["left", "b@x/y"],
          ]
        : []),
      ["destroyed", ""],
    ]);
  });

  test("of somebody without a token has no user", () => {
    const { id: _id, ...anonymous } = occupant;
    const [event] = parseOccupancyEvents({
      event_name: "muc-occupant-joined",
      ...base,
      occupant: anonymous,
    });
    expect(event).toBeDefined();
    expect(event).not.toHaveProperty("userId");
  });

  test.each([
    { room_name: "a\0b", occupant },
    { room_name: "a", occupant: { ...occupant, occupant_jid: "x\0" } },
    { room_name: "a", occupant: { ...occupant, id: "\0" } },
  ])("with text that no database takes is refused: %#", async (changes) => {
    const event = { event_name: "muc-occupant-joined", ...base, ...changes };
    await expect(outcomeOf(() => parseOccupancyEvents(event))).resolves.toBe(
      "refuse occupancy_event_malformed 400",
    );
  });

  test("of a breakout room is about the people, not the room", () => {
    const breakout = { ...base, is_breakout: true, breakout_room_id: "b1" };
    expect(
      parseOccupancyEvents({
        event_name: "muc-room-created",
        ...breakout,
        created_at: 1_625_823_996,
      }),
    ).toEqual([]);
    expect(
      parseOccupancyEvents({ event_name: "muc-occupant-joined", ...breakout, occupant }),
    ).toMatchObject([{ kind: "joined", room: "catchup", breakout: "b1" }]);
  });

  test("of JaaS is read", () => {
    const webhook = {
      idempotencyKey: "key-1",
      customerId: "c",
      appId: "vpaas-magic-cookie-1",
      eventType: "PARTICIPANT_JOINED",
      sessionId: "s",
      timestamp: 1_625_823_996_123,
      fqn: "vpaas-magic-cookie-1/Catchup",
      data: { id: "u-1", participantId: "p-1", participantJid: "p-1@8x8.vc/x", name: "James" },
    };
    expect(parseOccupancyEvents(webhook)).toEqual([
      {
        kind: "joined",
        room: "catchup",
        occupantId: "p-1",
        userId: "u-1",
        at: new Date(1_625_823_996_123),
      },
    ]);
    expect(
      parseOccupancyEvents({ ...webhook, eventType: "ROOM_DESTROYED", data: {} }),
    ).toMatchObject([{ kind: "destroyed", occupantId: "" }]);
    expect(parseOccupancyEvents({ ...webhook, eventType: "RECORDING_STARTED" })).toEqual([]);
    expect(parseOccupancyEvents({ ...webhook, eventType: "constructor" })).toEqual([]);
  });

  test("is refused as such, whatever is sent", () => {
    const kind = fc.constantFrom(
      "muc-room-created",
      "muc-room-destroyed",
      "muc-occupant-joined",
      "muc-occupant-left",
    );
    const eventType = fc.constantFrom(
      "ROOM_CREATED",
      "PARTICIPANT_JOINED",
      "PARTICIPANT_LEFT",
      "constructor",
    );
    const likely = fc.record({
      event_name: kind,
      room_name: fc.anything(),
      occupant: fc.anything(),
      created_at: fc.anything(),
      destroyed_at: fc.anything(),
      all_occupants: fc.anything(),
    });
    const webhook = fc.record({
      eventType,
      idempotencyKey: fc.string(),
      timestamp: fc.double(),
      fqn: fc.string(),
      data: fc.anything(),
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), likely, webhook), (body) => {
        try {
          const events = parseOccupancyEvents(body);
          return events.every(
            (event) =>
              !Number.isNaN(event.at.getTime()) &&
              !`${event.room}${event.occupantId}`.includes("\0"),
          );
        } catch (error) {
          return error instanceof AppError && error.code === "occupancy_event_malformed";
        }
      }),
      { numRuns: runs(2000) },
    );
  });
});
