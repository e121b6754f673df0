// A pass that moves, on a real chain: who loses access, when, and what becomes of the room.
import { createMeetingActivities } from "../../src/activities/meeting.ts";
import { createOrm } from "../../src/db/migrate.ts";
import { createChainReader } from "../../src/chain/reader.ts";
import { meetingWorkflowId } from "../../src/domain/process.ts";
import { createRoomName, createRoomTokens } from "../../src/jitsi/index.ts";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import { Engine } from "../chain/support.ts";
import { testLogger } from "../support/logs.ts";
import {
  createTestWorld,
  FakeGate,
  JITSI_SECRET,
  once,
  type Person,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { startJitsiSandbox } from "../support/sandboxes.ts";
import { ask, inRoom, join, wayIn } from "./people.ts";

let engine: Engine;
let world: TestWorld;
let jitsi: JitsiSandbox;
let api: TestApi;
let rooms: ReturnType<typeof createMeetingActivities>;

beforeAll(async () => {
  [engine, world, jitsi] = await Promise.all([
    Engine.start(),
    createTestWorld(),
    startJitsiSandbox({ integrationSecret: JITSI_SECRET, refusalMemoryMs: 0 }),
  ]);
  const tokens = createRoomTokens(jitsi.config);
  api = await world.start({
    db: engine.db,
    orm: createOrm(engine.databaseUrl),
    reader: createChainReader({
      rpc: engine.rpc,
      chainId: engine.chainId,
      auctionContract: engine.contract,
      passContract: engine.chain.pass.toLowerCase(),
    }),
    gate: new FakeGate(),
    jitsi: tokens,
  });
  jitsi.setApiUrl(api.url);
  rooms = createMeetingActivities({ db: engine.db, rooms: tokens, logger: testLogger() });
  await engine.chain.provider.send("anvil_autoImpersonateAccount", [true]);
});
afterAll(async () => {
  await jitsi.stop();
  await world.close();
  await api.deps.orm.close(true);
  await engine.stop();
});

async function person(): Promise<Person> {
  const one = await api.person();
  await engine.chain.provider.send("anvil_setBalance", [one.wallet.address, "0x56bc75e2d63100000"]);
  return one;
}

interface Sold {
  readonly auctionId: bigint;
  readonly meetingId: string;
  readonly host: Person;
  readonly winner: Person;
}

/** An auction whose pass the winner holds, with its meeting open. */
async function sold(): Promise<Sold> {
  const { chain } = engine;
  const [host, winner] = [await person(), await person()];
  const auctionId = await chain.create({ transferable: true });
  await chain.bid(auctionId, winner.wallet.address, 5_000n);
  await chain.end(auctionId);
  await chain.send(chain.operator, "mintPasses", [[auctionId]]);
  await engine.index();
  const [row] = await engine.db.query<{ id: string }>(
    `INSERT INTO meetings (chain_id, contract, auction_id, host, winner, room_name, state, starts_at, ends_at, latest_ends_at)
     VALUES ($1, $2, $3, $4, $5, $6, 'open', now() - interval '1 minute', now() + interval '1 hour', now() + interval '2 hours') RETURNING id`,
    [
      engine.chainId,
      engine.contract,
      auctionId,
      host.wallet.address.toLowerCase(),
      winner.wallet.address.toLowerCase(),
      createRoomName(),
    ],
  );
  return { auctionId, meetingId: row?.id ?? "", host, winner };
}

const transfer = (auctionId: bigint, from: Person, to: Person) =>
  engine.chain.sendPass(from.wallet.address, "transferFrom", [
    from.wallet.address,
    to.wallet.address,
    auctionId,
  ]);

async function told(one: Person): Promise<object[]> {
  const { body } = await api.request("/api/events?limit=100", { token: one.token });
  return body.data.filter((event: { type: string }) => event.type.startsWith("meeting-"));
}

const signalsOf = (meetingId: string) =>
  engine.db.query<{ signal: string }>(
    "SELECT payload->>'signal' AS signal FROM outbox WHERE workflow_id = $1",
    [meetingWorkflowId(meetingId)],
  );

test("a transfer takes access, room and all, in the block it is in; host and new owner meet in another room", async () => {
  const { auctionId, meetingId, host, winner } = await sold();
  const buyer = await person();
  const hosting = await wayIn(api, meetingId, host);
  const old = await wayIn(api, meetingId, winner);
  await join(jitsi, hosting);
  await join(jitsi, old);
  const socket = api.socket({ token: winner.token });
  const withdrawn = once<{ data: object }>(socket, "meeting-access-withdrawn");
  socket.connect();

  await transfer(auctionId, winner, buyer);
  // The chain says so at once, whatever the indexer has seen.
  expect((await ask(api, meetingId, winner)).status).toBe(404);
  await engine.index();
  const blockNumber = await engine.blockNumber();
  // No further block was needed: 0 blocks after the transfer.
  expect((await withdrawn).data).toEqual({
    meetingId,
    auctionId: String(auctionId),
    blockNumber,
    reason: "pass_transferred",
  });
  socket.disconnect();
  const changed = { type: "meeting-room-changed", data: expect.objectContaining({ meetingId }) };
  for (const one of [host, buyer])
    expect(await told(one)).toContainEqual(expect.objectContaining(changed));
  expect(JSON.stringify(await told(winner))).not.toContain("meeting-room-changed");

  // The process ends the old room; nothing opens it again, and the new one is another.
  expect(await signalsOf(meetingId)).toEqual([{ signal: "roomLeft" }]);
  await rooms.endRooms(meetingId);
  await jitsi.flush();
  expect(await inRoom(jitsi, old.room)).toBeUndefined();
  for (const stale of [old, hosting])
    expect(await join(jitsi, stale)).toMatchObject({
      status: 403,
      body: { text: "There is no meeting in this room." },
    });
  const bought = await wayIn(api, meetingId, buyer);
  const again = await wayIn(api, meetingId, host);
  expect(bought.room).toBe(again.room);
  expect(bought.room).not.toBe(old.room);
  expect((await join(jitsi, { room: bought.room, token: old.token })).status).toBe(403);
  for (const one of [bought, again]) expect((await join(jitsi, one)).status).toBe(200);
  const log = await engine.db.query<object>(
    "SELECT reason, role, block_number AS block FROM meeting_access_logs WHERE meeting_id = $1 AND reason = 'pass_moved'",
    [meetingId],
  );
  expect(log).toEqual([{ reason: "pass_moved", role: "winner", block: blockNumber }]);
});

test("a pass that moves before anybody came leaves the room as it is", async () => {
  const { auctionId, meetingId, host, winner } = await sold();
  const buyer = await person();
  const hosting = await wayIn(api, meetingId, host);
  await transfer(auctionId, winner, buyer);
  await engine.index();
  expect((await wayIn(api, meetingId, buyer)).room).toBe(hosting.room);
  expect(await signalsOf(meetingId)).toEqual([]);
  expect(await told(winner)).toMatchObject([{ type: "meeting-access-withdrawn" }]);
});

test("a burn takes access; so does a reorg that gives the pass back, from whoever had it meanwhile", async () => {
  const { auctionId, meetingId, winner } = await sold();
  const buyer = await person();
  await transfer(auctionId, winner, buyer);
  await engine.index();
  const bought = await wayIn(api, meetingId, buyer);
  await engine.reorg(1);
  engine.chain.nowS = Number((await engine.chain.provider.getBlock("latest"))?.timestamp);
  await engine.index();
  expect((await ask(api, meetingId, buyer)).status).toBe(404);
  const back = await wayIn(api, meetingId, winner);
  expect(back.room).not.toBe(bought.room);
  expect(await told(buyer)).toContainEqual(
    expect.objectContaining({ type: "meeting-access-withdrawn" }),
  );

  await engine.chain.send(engine.chain.operator, "settleMeetings", [[auctionId], [1]]);
  await engine.index();
  expect((await ask(api, meetingId, winner)).status).toBe(404);
  expect((await told(winner)).at(-1)).toMatchObject({
    type: "meeting-access-withdrawn",
    data: { reason: "pass_gone" },
  });
  const live = await engine.db.query(
    "SELECT FROM meeting_sessions WHERE meeting_id = $1 AND role = 'winner' AND ended_at IS NULL",
    [meetingId],
  );
  expect(live).toEqual([]);
});

test("a grant that read the owner before the transfer, and comes after it was indexed, is none", async () => {
  const { auctionId, meetingId, winner } = await sold();
  const buyer = await person();
  const gate = new FakeGate();
  const prove = gate.prove.bind(gate);
  gate.prove = async (input) => {
    // Lit takes its time; meanwhile the pass is sold on, and the indexer has seen it.
    await transfer(auctionId, winner, buyer);
    await engine.index();
    return prove(input);
  };
  const slow = await world.start({ ...api.deps, gate });
  const answer = await ask(slow, meetingId, winner);
  expect([answer.status, answer.body.code]).toEqual([409, "pass_moved"]);
});
