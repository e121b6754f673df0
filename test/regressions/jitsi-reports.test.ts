// What Jitsi reports and asks, which was once misread.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { grantAccess } from "../../src/db/access.ts";
import { staysFrom } from "../../src/domain/stays.ts";
import { createRoomTokens, parseOccupancyEvents } from "../../src/jitsi/index.ts";
import { inRoom, join, systemKey, wayIn } from "../jitsi/people.ts";
import { grantedAt, meetingSteps, outcomeOf, report, sighting } from "../jitsi/reports.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  JITSI_SECRET,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world?.close());

// Jitsi's clock may be hours ahead, and its whole seconds are coarse.
describe("jitsi-clock", () => {
  test.each([
    ["ahead", 7_200],
    ["behind", -7_200],
  ])(
    "whoever was reported to have come has come between the grant and the report: Jitsi's clock is hours %s",
    async (_name, offS) => {
      const [host, winner] = [await api.person(), await api.person()];
      const sold = await seedSold(api, host, winner, {
        startsAt: new Date(Date.now() - 3_600_000),
      });
      const ways = [
        await wayIn(api, sold.meetingId, host),
        await wayIn(api, sold.meetingId, winner),
      ];
      const atS = Math.floor(Date.now() / 1_000) + offS;
      for (const [place, way] of ways.entries())
        await report(api, sighting("joined", way, `aaaaaaa${place}-1@g/x`, atS));
      // As if that had been half an hour ago.
      await grantedAt(api, sold.meetingId, new Date(Date.now() - 1_800_000));
      await world.db.query(
        "UPDATE meeting_occupancy SET at = at - interval '30 min', received_at = received_at - interval '30 min' WHERE meeting_id = $1",
        [sold.meetingId],
      );
      expect(await outcomeOf(api, sold)).toBe(1);
    },
  );

  describe("within one of Jitsi's seconds", () => {
    const who = { role: "host", roomName: "r", breakout: "", occupantId: "o" } as const;
    const unknown = { sessionId: null, receivedAtMs: null, grantedAtMs: null, withdrawnAtMs: null };
    const seen = (kind: "joined" | "left", atS: number) => ({
      ...who,
      ...unknown,
      kind,
      atMs: atS * 1_000,
    });
    const ends = [{ roomName: "r", atMs: 100_000, receivedAtMs: 101_000 }];
    const there = (...own: ReturnType<typeof seen>[]) =>
      staysFrom(own, ends, []).some((one) => one.isThere);

    test("who reloads the page, and was alone in the room, is there afterwards", () => {
      // Left and destroyed at 100.2, come anew at 100.9.
      expect(there(seen("joined", 100))).toBe(true);
      expect(there(seen("joined", 50), seen("left", 100), seen("joined", 100))).toBe(true);
      expect(there(seen("joined", 50), seen("joined", 100))).toBe(true);
    });

    test("who comes and goes is not", () => {
      expect(there(seen("left", 100), seen("joined", 100))).toBe(false);
      expect(there(seen("joined", 50), seen("left", 200), seen("joined", 200))).toBe(false);
    });
  });
});

describe("jitsi-input", () => {
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
});

// What the room holds to: one connection of a session, and none once the meeting is closed.
describe("who-stays-in-the-room", () => {
  const key = systemKey();
  const roomKey = systemKey("rooms/2026");
  let jitsi: JitsiSandbox;
  let roomApi: TestApi;
  let rooms: ReturnType<typeof createRoomTokens>;
  beforeAll(async () => {
    jitsi = await startJitsiSandbox({
      roomKeys: roomKey.keys,
      adminKeys: key.keys,
      integrationSecret: JITSI_SECRET,
      refusalMemoryMs: 0,
    });
    const { config } = jitsi;
    rooms = createRoomTokens({
      ...config,
      secret: roomKey.privatePem,
      kid: roomKey.kid,
      adminSecret: key.privatePem,
      adminKid: key.kid,
    });
    roomApi = await world.start({ jitsi: rooms });
    jitsi.setApiUrl(roomApi.url);
  });
  afterAll(async () => {
    await jitsi?.stop();
  });

  test("a link that is given on lets one in, not two: the newer connection replaces the older", async () => {
    const [host, winner] = [await roomApi.person(), await roomApi.person()];
    const { meetingId } = await seedSold(roomApi, host, winner);
    const one = await wayIn(roomApi, meetingId, winner);
    await join(jitsi, one);
    await jitsi.flush();
    const second = await join(jitsi, one);
    await jitsi.flush();
    expect(await inRoom(jitsi, one.room)).toHaveLength(1);
    const rest = await world.db.query<{ occupantId: string }>(
      `SELECT occupant_id AS "occupantId" FROM meeting_attendance WHERE meeting_id = $1 AND left_at IS NULL`,
      [meetingId],
    );
    expect(rest).toEqual([{ occupantId: second.body["occupantId"] }]);
  });

  test("whoever reloads the page in the moment of the close does not keep the room", async () => {
    const [host, winner] = [await roomApi.person(), await roomApi.person()];
    const { auctionId, meetingId } = await seedSold(roomApi, host, winner);
    const one = await wayIn(roomApi, meetingId, winner);
    await join(jitsi, one);
    const endRoom: typeof rooms.endRoom = async (room) => {
      const result = await rooms.endRoom(room);
      await join(jitsi, one);
      return result;
    };
    const { closeMeeting, endRooms } = meetingSteps(roomApi, { rooms: { ...rooms, endRoom } });
    const input = { chainId: CHAIN_ID, contract: AUCTION_CONTRACT, auctionId, meetingId };
    await closeMeeting(input as never, host.wallet.address.toLowerCase());
    await endRooms(meetingId);
    await jitsi.flush();
    expect(await inRoom(jitsi, one.room)).toBeUndefined();
  });
});

/** The winner fills the three places the reservation allows; the host, who is there, cannot get in and pays for it. */
describe("crowded-out", () => {
  const jitsi = { headers: { authorization: `Bearer ${JITSI_SECRET}` } };
  async function letIn(meetingId: string, person: Person) {
    const asked = await api.request(`/api/meetings/${meetingId}/challenge`, {
      method: "POST",
      token: person.token,
    });
    const signature = await person.wallet.signMessage(asked.body.message);
    return api.request(`/api/meetings/access/${meetingId}`, {
      token: person.token,
      json: { challenge: asked.body.challenge, signature },
    });
  }

  test("a winner cannot keep the host out by filling the room, and so get the money back", async () => {
    const [host, winner] = [await api.person(), await api.person()];
    const { meetingId, roomName } = await seedSold(api, host, winner);
    const reserved = await api.request("/conference", {
      ...jitsi,
      json: { name: roomName, start_time: new Date().toISOString(), mail_owner: "x@y" },
    });
    expect(reserved.status).toBe(200);
    const places: number = reserved.body.max_occupants ?? Infinity;
    // As dev/sandbox/jitsi/rooms.ts and Prosody's mod_muc_max_occupants do it: who comes too late is refused.
    let inside = 0;
    const comeIn = async (person: Person) => {
      if (inside >= places) return false;
      inside += 1;
      const occupant = {
        occupant_jid: `${roomName}@muc/${inside}`,
        id: person.account.id,
        joined_at: Math.floor(Date.now() / 1000),
      };
      const told = await api.request("/api/integrations/jitsi/events", {
        ...jitsi,
        json: { event_name: "muc-occupant-joined", room_name: roomName, occupant },
      });
      expect(told.body).toEqual({ recorded: true });
      return true;
    };
    expect((await letIn(meetingId, winner)).status).toBe(200);
    for (let tab = 0; tab < 3; tab += 1) await comeIn(winner); // one token opens any number of tabs
    expect((await letIn(meetingId, host)).status).toBe(200); // the host is there, with a valid token
    expect(await comeIn(host)).toBe(true);
  });
});
