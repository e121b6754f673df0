// The indexer is some blocks behind, reads several at once, or takes back what it read while Lit is asked.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ask, wayIn } from "../jitsi/people.ts";
import { FakeGate } from "../support/api.ts";
import { DoorOnChain } from "../support/door.ts";

let door: DoorOnChain;
beforeAll(async () => {
  door = await DoorOnChain.start();
});
afterAll(() => door.stop());

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
  for (const one of [host, buyer]) expect(await told(one.token)).toContain("meeting-room-changed");
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
  door.engine.chain.nowS = Number((await door.engine.chain.provider.getBlock("latest"))?.timestamp);
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
