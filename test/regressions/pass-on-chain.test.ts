// The pass moves on chain while people are in the room, and while the database is rebuilt.
// Each block has the name of the file that held it before: `git log -- test/regressions/<name>.test.ts`.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { isRebuilding } from "../../src/chain/indexing/store.ts";
import { ask, wayIn } from "../jitsi/people.ts";
import { FakeGate, JITSI_SECRET } from "../support/api.ts";
import { DoorOnChain } from "../support/door.ts";
import { testLogger } from "../support/logs.ts";

let door: DoorOnChain;
beforeAll(async () => {
  door = await DoorOnChain.start();
});
afterAll(() => door?.stop());

// The indexer is some blocks behind, reads several at once, or takes back what it read while Lit is asked.
describe("pass-between-blocks", () => {
  /** More blocks than the finality depth of this indexer: what is older is then taken in one step. */
  async function fallBehind(): Promise<void> {
    for (let count = 0; count < 20; count += 1) await door.engine.mine();
  }
  const told = async (token: string): Promise<string[]> =>
    (await door.api.request("/api/events?limit=100", { token })).body.data.map(
      (event: { type: string }) => event.type,
    );

  test("who sold the pass on in the step in which it was minted is out, with the room", async () => {
    const { auctionId, meetingId, winner, host } = await door.sold();
    const buyer = await door.person();
    await door.mint(auctionId);
    const { room } = await wayIn(door.api, meetingId, winner);
    await door.transfer(auctionId, winner, buyer);
    await fallBehind();
    await door.engine.index();
    const after = await door.doorOf(meetingId);
    expect({ live: after.live, sameRoom: after.room === room }).toEqual({
      live: 0,
      sameRoom: false,
    });
    expect(await told(winner.token)).toContain("meeting-access-withdrawn");
    for (const one of [host, buyer])
      expect(await told(one.token)).toContain("meeting-room-changed");
  });

  test("who owned the pass for a block, there and back in one step, does not stay", async () => {
    const { auctionId, meetingId, winner } = await door.sold();
    await door.mint(auctionId);
    await door.engine.index();
    const friend = await door.person();
    await door.transfer(auctionId, winner, friend);
    const { room } = await wayIn(door.api, meetingId, friend);
    await door.transfer(auctionId, friend, winner);
    await fallBehind();
    await door.engine.index();
    const after = await door.doorOf(meetingId);
    expect({ live: after.live, sameRoom: after.room === room }).toEqual({
      live: 0,
      sameRoom: false,
    });
    expect(await told(friend.token)).toContain("meeting-access-withdrawn");
  });

  test.each([
    ["has been read", true],
    ["has only been noticed", false],
  ])(
    "a transfer that a reorg takes back while Lit is asked lets nobody in, when the new block %s",
    async (_how, isApplied) => {
      const { auctionId, meetingId, winner } = await door.sold();
      await door.mint(auctionId);
      await door.engine.index();
      const buyer = await door.person();
      await door.transfer(auctionId, winner, buyer);
      await door.engine.index();
      const gate = new FakeGate();
      const prove = gate.prove.bind(gate);
      const { engine } = door;
      gate.prove = async (input) => {
        await engine.reorg(1);
        engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
        if (isApplied) await engine.index();
        // One step goes back to the last common block, and no further.
        else await engine.indexer().step();
        return prove(input);
      };
      const slow = await door.world.start({ ...door.api.deps, gate });
      expect((await ask(slow, meetingId, buyer)).status).toBe(409);
      await engine.index();
      expect((await door.doorOf(meetingId)).live).toBe(0);
    },
  );

  test("who got in by a block that a reorg drops before it was read is out when the one in its place is read", async () => {
    const { auctionId, meetingId, winner } = await door.sold();
    await door.mint(auctionId);
    await door.engine.index();
    const buyer = await door.person();
    await door.transfer(auctionId, winner, buyer);
    const { room } = await wayIn(door.api, meetingId, buyer); // by a block that is not indexed yet
    await door.engine.reorg(1);
    door.engine.chain.nowS = Number(
      (await door.engine.chain.provider.getBlock("latest"))?.timestamp,
    );
    // The block that takes its place says nothing of the pass.
    await door.engine.index();
    const after = await door.doorOf(meetingId);
    expect({ live: after.live, sameRoom: after.room === room }).toEqual({
      live: 0,
      sameRoom: false,
    });
  });

  test("an earlier transfer that is indexed late leaves the owner after it where they are", async () => {
    const { auctionId, meetingId, winner } = await door.sold();
    await door.mint(auctionId);
    await door.engine.index();
    const [first, second] = [await door.person(), await door.person()];
    await door.transfer(auctionId, winner, first);
    await door.transfer(auctionId, first, second);
    const { room } = await wayIn(door.api, meetingId, second);
    await door.engine.index();
    expect(await door.doorOf(meetingId)).toEqual({ live: 1, room });
  });
});

// npm run reindex while meetings are open: the projection is of the past for a while.
describe("reindex-of-open-meetings", () => {
  const reindex = () =>
    promisify(execFile)(process.execPath, [join(repositoryRoot, "src/reindex.ts")], {
      env: { PATH: process.env["PATH"], DATABASE_URL: door.engine.databaseUrl },
    });

  /** The harness creates auctions as an account of its own: the meeting is that account's. */
  const nameHost = (meetingId: string) =>
    door.engine.db.query(
      "UPDATE meetings m SET host = a.host FROM auctions a WHERE a.auction_id = m.auction_id AND m.id = $1",
      [meetingId],
    );

  test("the present owner stays in the room they are in", async () => {
    const { engine, api } = door;
    const { auctionId, meetingId, winner } = await door.sold();
    await nameHost(meetingId);
    const [first, second] = [await door.person(), await door.person()];
    await door.mint(auctionId);
    await door.transfer(auctionId, winner, first);
    await engine.index();
    await wayIn(api, meetingId, first);
    await door.transfer(auctionId, first, second);
    await engine.index();
    const { room } = await wayIn(api, meetingId, second);
    await reindex();
    expect(await isRebuilding(engine.db, engine.chainId)).toBe(true);
    await engine.index();
    expect(await isRebuilding(engine.db, engine.chainId)).toBe(false);
    expect(await door.doorOf(meetingId)).toEqual({ live: 1, room });
    expect(await engine.db.query("SELECT state FROM meetings WHERE id = $1", [meetingId])).toEqual([
      { state: "open" },
    ]);
  });

  test("a meeting that ends meanwhile waits, and is settled as at any other time", async () => {
    const { engine, api } = door;
    const { auctionId, meetingId, host } = await door.sold();
    await door.mint(auctionId);
    await engine.index();
    await engine.db.query(
      "UPDATE meetings SET starts_at = now() - interval '1 hour', ends_at = now() + interval '1 minute' WHERE id = $1",
      [meetingId],
    );
    const { room, sessionId } = await wayIn(api, meetingId, host);
    await engine.db.query(
      "UPDATE meeting_sessions SET granted_at = now() - interval '1 hour' WHERE id = $1",
      [sessionId],
    );
    const joinedAtS = Math.floor(Date.now() / 1_000) - 3_000;
    await api.request("/api/integrations/jitsi/events", {
      token: JITSI_SECRET,
      json: {
        event_name: "muc-occupant-joined",
        room_name: room,
        room_jid: `${room}@conference.x`,
        is_breakout: false,
        occupant: { occupant_jid: "aaaaaaaa-1@g/x", id: sessionId, joined_at: joinedAtS },
      },
    });
    await nameHost(meetingId);
    await reindex();
    const { closeMeeting } = createMeetingActivities({
      db: engine.db,
      rooms: api.deps.jitsi,
      logger: testLogger(),
    });
    const { chainId, contract } = engine;
    const input = { chainId, contract, auctionId: String(auctionId), meetingId };
    const close = () => closeMeeting(input as never, null);
    await expect(close()).rejects.toMatchObject({ kind: "retry", code: "projection_behind" });
    // The auction is known again before its pass is.
    const indexer = engine.indexer();
    while (
      (await engine.db.query("SELECT FROM auctions WHERE auction_id = $1", [auctionId])).length ===
      0
    )
      await indexer.step();
    await expect(close()).rejects.toMatchObject({ code: "projection_behind" });
    await engine.index(indexer);
    // The harness's chain began only now: the pass was there from the beginning.
    await engine.db.query(
      `UPDATE auctions SET steps = jsonb_set(steps, '{minted,at}', '"2020-01-01T00:00:00.000Z"') WHERE auction_id = $1`,
      [auctionId],
    );
    // The host was there for 50 minutes, and the winner, who could have come, was not.
    expect(await close()).toBe(3);
  });
});
