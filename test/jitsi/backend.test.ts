import { z } from "zod";
import { startServer } from "../../dev/sandbox/http.ts";
import type { SandboxAnswer, SandboxRequest, SandboxServer } from "../../dev/sandbox/http.ts";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import {
  createRoomName,
  createRoomTokens,
  parseOccupancyEvents,
  parseReservationRequest,
  reservationAnswer,
} from "../../src/jitsi/index.ts";
import type { OccupancyEvent, ReservationAnswer, RoomTokens } from "../../src/jitsi/index.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";

// Prosody's side of the sandbox against a backend that is made of our own schemas.

let jitsi: JitsiSandbox;
let tokens: RoomTokens;
let backend: SandboxServer;
let events: OccupancyEvent[];
let released: string[];
let authorizations: Set<string | undefined>;
let answer: (request: SandboxRequest) => SandboxAnswer;

/** Grants whatever is asked for, for an hour. */
function grant(request: SandboxRequest): SandboxAnswer {
  return { status: 200, body: reservationFor(request) };
}

function reservationFor(request: SandboxRequest): ReservationAnswer {
  return reservationAnswer({
    id: "42",
    request: parseReservationRequest(request.text),
    startsAt: new Date(),
    durationS: 3600,
    maxOccupants: 2,
  });
}

beforeEach(async () => {
  [events, released, authorizations, answer] = [[], [], new Set(), grant];
  const noted =
    (handle: (request: SandboxRequest) => SandboxAnswer) => (request: SandboxRequest) => {
      authorizations.add(request.headers.authorization);
      return handle(request);
    };
  backend = await startServer(0, () => [
    { method: "POST", path: "/conference", handle: noted((request) => answer(request)) },
    { method: "GET", path: "/conference/:id", handle: noted((request) => answer(request)) },
    {
      method: "DELETE",
      path: "/conference/:id",
      handle: noted((request) => (released.push(request.params["id"] ?? ""), { status: 200 })),
    },
    {
      method: "POST",
      path: "/api/integrations/jitsi/events/:thing/:what",
      handle: noted(
        (request) => (
          events.push(...parseOccupancyEvents(JSON.parse(request.text)).slice(-1)),
          { status: 204 }
        ),
      ),
    },
  ]);
  jitsi = await startJitsiSandbox({ apiUrl: backend.url });
  tokens = createRoomTokens(jitsi.config);
});
afterEach(async () => {
  await jitsi.stop();
  await backend.stop();
});

async function post(
  path: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${jitsi.url}/__sandbox/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === "" ? {} : z.record(z.string(), z.unknown()).parse(JSON.parse(text)),
  };
}

function join(
  room: string,
  userId: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const token = tokens.signRoomToken({
    room,
    userId,
    affiliation: "member",
    expiresAt: new Date(Date.now() + 60_000),
  });
  return post("join", { room, token });
}

test("a meeting from the first guest to the last is told event by event", async () => {
  const room = createRoomName();
  const ada = await join(room, "ada");
  const bob = await join(room, "bob");
  await post("leave", { room, occupantId: bob.body["occupantId"] });
  await post("leave", { room, occupantId: ada.body["occupantId"] });
  await jitsi.flush();
  expect(events.map((event) => [event?.kind, event?.room, event?.userId])).toEqual([
    ["created", room, undefined],
    ["joined", room, "ada"],
    ["joined", room, "bob"],
    ["left", room, "bob"],
    ["left", room, "ada"],
    ["destroyed", room, undefined],
  ]);
  expect(events[1]?.occupantId).toBe(ada.body["occupantId"]);
  expect([...authorizations]).toEqual([`Bearer ${jitsi.config.integrationSecret}`]);
});

test("a meeting that is ended tells who was in it, and gives the reservation back", async () => {
  const room = createRoomName();
  await join(room, "ada");
  await join(room, "bob");
  await tokens.endRoom(room);
  await jitsi.flush();
  expect(events.map((event) => event?.kind)).toEqual([
    "created",
    "joined",
    "joined",
    "left",
    "left",
    "destroyed",
  ]);
  expect(released).toEqual(["resv-42"]);
});

test("a third guest does not fit in a room for two", async () => {
  const room = createRoomName();
  await join(room, "ada");
  await join(room, "bob");
  await expect(join(room, "eve")).resolves.toMatchObject({
    status: 403,
    body: { text: "the room is full" },
  });
});

test.each([
  [
    "refused with a reason",
    () => ({ status: 403, body: { message: "the meeting has not begun" } }),
    { text: "the meeting has not begun", reservationErrorCode: 403 },
  ],
  [
    "over already",
    (request: SandboxRequest) => ({
      status: 200,
      body: { ...reservationFor(request), start_time: "2020-01-01T00:00:00.000Z" },
    }),
    { text: "Reservation expired", reservationErrorCode: 419 },
  ],
  [
    "for another room",
    (request: SandboxRequest) => ({
      status: 200,
      body: { ...reservationFor(request), name: "other" },
    }),
    { reservationErrorCode: 500 },
  ],
  [
    "given a number for an id",
    (request: SandboxRequest) => ({
      status: 200,
      body: { ...reservationFor(request), id: 42 },
    }),
    { reservationErrorCode: 500 },
  ],
  ["never granted", () => ({ status: 500 }), { reservationErrorCode: 500 }],
])("a room whose reservation is %s is not made", async (_name, reply, expected) => {
  answer = reply;
  await expect(join(createRoomName(), "ada")).resolves.toMatchObject({
    status: 403,
    body: expected,
  });
  await jitsi.flush();
  expect(events).toEqual([]);
});

test("a reservation that exists already is looked up", async () => {
  const room = createRoomName();
  answer = (request) =>
    request.method === "POST"
      ? { status: 409, body: { conflict_id: "resv-7" } }
      : {
          status: 200,
          body: {
            id: request.params["id"],
            name: room,
            mail_owner: "x@y",
            start_time: new Date().toISOString(),
            duration: 60,
          },
        };
  await expect(join(room, "ada")).resolves.toMatchObject({ status: 200 });
});

test("a backend that fails at first is asked again", async () => {
  let failures = 2;
  answer = (request) => (failures-- > 0 ? { status: 503 } : grant(request));
  await expect(join(createRoomName(), "ada")).resolves.toMatchObject({ status: 200 });
});
