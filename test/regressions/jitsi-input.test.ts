import { randomUUID } from "node:crypto";
import { grantAccess } from "../../src/db/access.ts";
import { parseOccupancyEvents } from "../../src/jitsi/index.ts";
import { createTestWorld, seedSold, type TestApi, type TestWorld } from "../support/api.ts";
import { report } from "../jitsi/reports.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

test("the end of a room that 400 connections were in is taken", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const { roomName } = await seedSold(api, host, winner);
  const nowS = Math.floor(Date.now() / 1_000);
  await report(api, {
    event_name: "muc-room-destroyed",
    room_name: roomName,
    room_jid: `${roomName}@conference.meet.example.org`,
    is_breakout: false,
    destroyed_at: nowS,
    all_occupants: Array.from({ length: 400 }, () => ({
      occupant_jid: `${randomUUID()}@guest.meet.example.org/Ab12Cd34`,
      id: randomUUID(),
      name: "Guest",
      joined_at: nowS,
      left_at: nowS,
    })),
  });
});

test("JaaS: an empty participantId beside a participantJid", () => {
  const data = { id: "u", participantId: "", participantJid: "p@8x8.vc/x" };
  const webhook = { eventType: "PARTICIPANT_JOINED", timestamp: Date.now(), fqn: "a/room", data };
  expect(parseOccupancyEvents(webhook)).toMatchObject([{ occupantId: "p@8x8.vc/x" }]);
});

test("a node whose clock is days ahead opens no door early: the statement judges the time", async () => {
  const [host, winner] = [await api.person(), await api.person()];
  const startsAt = new Date(Date.now() + 172_800_000);
  const endsAt = new Date(Date.now() + 259_200_000);
  const sold = await seedSold(api, host, winner, { state: "scheduled", startsAt, endsAt });
  const path = `/api/meetings/${sold.meetingId}/challenge`;
  const { body } = await api.request(path, { method: "POST", token: host.token });
  const wallet = host.wallet.address.toLowerCase();
  const read = { role: "host", wallet, blockNumber: null } as const;
  const by = { meetingId: sold.meetingId, userId: host.account.id, ...read };
  const room = { roomName: sold.roomName, blockHash: null, opensAt: startsAt };
  const result = await grantAccess(world.db, {
    nonce: body.challenge,
    proof: null,
    session: { ...by, ...room, id: randomUUID(), tokenExpiresAt: new Date() },
    attempt: { ...by, reason: "granted", checked: {} },
  });
  expect(result).toBe("changed");
});
