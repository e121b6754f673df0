// The host's commands over the real API, against the real workflow on a real Temporal server: what a repeat gets whose first
// answer was lost; and on a real chain, how the settlement is told.
import { DoorOnChain } from "../support/door.ts";
import {
  createTestWorld,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { getTestTemporal } from "../support/stack.ts";
import { TASK_QUEUES } from "../../src/domain/process.ts";
import { meetingOf } from "../workflows/activities.ts";
import { TestMeeting } from "../workflows/meetings.ts";
import { createWorld, type World } from "../workflows/world.ts";

describe("a command under an Idempotency-Key", () => {
  let temporal: World;
  let world: TestWorld;
  let api: TestApi;
  let host: Person;
  let winner: Person;

  beforeAll(async () => {
    [temporal, world] = await Promise.all([
      getTestTemporal().then((server) => createWorld(server)),
      createTestWorld(),
    ]);
    await temporal.startWorkers();
    api = await world.start({ temporal: temporal.client });
    [host, winner] = [await api.person(), await api.person()];
  });
  afterAll(async () => {
    await temporal.close();
    await world.close();
  });

  const command = (meetingId: string, name: string, key: string, json?: object) =>
    api.request(`/api/meetings/${meetingId}/${name}`, {
      method: "POST",
      token: host.token,
      headers: { "idempotency-key": key },
      ...(json === undefined ? {} : { json }),
    });

  /** As if the node had died after the workflow had answered, before it could keep the answer. */
  const loseAnswers = () =>
    api.db.query(
      "UPDATE idempotency_keys SET status = NULL, response = NULL, claimed_until = '-infinity'",
    );

  /** A meeting of the host that is open, in the database and as a process. */
  async function running(): Promise<TestMeeting> {
    const { meetingId, auctionId } = await seedSold(api, host, winner);
    const now = Date.now();
    const input = meetingOf(
      { chainId: 31_337, contract: api.deps.reader.auctionContract, auctionId },
      {
        meetingId,
        host: host.wallet.address.toLowerCase(),
        startsAtMs: now,
        opensAtMs: now,
        endsAtMs: now + 3_600_000,
        latestEndsAtMs: now + 7_200_000,
      },
    );
    const meeting = new TestMeeting(temporal, input);
    await temporal.client.workflow.start("meeting", {
      workflowId: meeting.id,
      taskQueue: TASK_QUEUES.auction,
      args: [input],
    });
    await meeting.phase("open");
    return meeting;
  }

  test("whose answer was lost takes effect once, and its repeat gets the same answer", async () => {
    const { meetingId } = (await running()).input;
    const first = await command(meetingId, "extend", "extend-1", { minutes: 5 });
    expect(first.status).toBe(200);
    await loseAnswers();
    const second = await command(meetingId, "extend", "extend-1", { minutes: 5 });
    expect([second.status, second.text]).toEqual([200, first.text]);
    const third = await command(meetingId, "extend", "extend-2", { minutes: 5 });
    expect(Date.parse(third.body.endsAt) - Date.parse(first.body.endsAt)).toBe(5 * 60_000);
  });

  test("gets the same answer also when the process is over by then", async () => {
    const meeting = await running();
    const { meetingId } = meeting.input;
    const first = await command(meetingId, "close", "close-1");
    expect([first.status, first.headers.get("location")]).toEqual([
      202,
      `/api/meetings/${meetingId}/settlement`,
    ]);
    await meeting.settle();
    await meeting.handle.result();
    await loseAnswers();
    const second = await command(meetingId, "close", "close-1");
    expect([second.status, second.text]).toEqual([202, first.text]);
    await api.db.query("UPDATE meetings SET state = 'closed' WHERE id = $1", [meetingId]);
    expect((await command(meetingId, "close", "close-2")).body).toMatchObject({
      status: 409,
      code: "meeting_over",
    });
  });
});

describe("a settlement", () => {
  let door: DoorOnChain;
  beforeAll(async () => {
    door = await DoorOnChain.start();
  });
  afterAll(() => door.stop());

  test("is told from the closing to the final block, to those it concerns", async () => {
    const { engine, api } = door;
    const { auctionId, meetingId, host, winner } = await door.sold();
    await door.mint(auctionId);
    await engine.index();
    const told = async (person = host) =>
      (await api.request(`/api/meetings/${meetingId}/settlement`, { token: person.token })).body;
    const nowhere = { transactionHash: null, blockNumber: null, confirmations: 0, lastError: null };
    expect(await told()).toMatchObject({ ...nowhere, status: "open", hostPaidWei: null });

    await engine.db.query("UPDATE meetings SET state = 'closing', outcome = 1 WHERE id = $1", [
      meetingId,
    ]);
    await engine.ask("settle", auctionId, { outcome: 1 });
    expect(await told()).toMatchObject({ ...nowhere, status: "pending", outcome: "held" });

    // Past the end of the meeting, and the sale final: before, nothing is settled.
    await engine.mine(3_600);
    const finalityDepth = 6;
    for (let block = 0; block < finalityDepth; block += 1) await engine.mine();
    await engine.index();
    await engine.automine(false);
    const sender = await engine.sender({ finalityDepth });
    await sender.tick();
    const sent = await told();
    expect(sent).toMatchObject({ status: "sent", transactionHash: expect.any(String) });

    await engine.mine();
    await engine.automine(true);
    await sender.tick();
    await engine.index();
    const mined = await told(winner);
    expect(mined).toMatchObject({
      status: "mined",
      transactionHash: sent.transactionHash,
      blockNumber: await engine.blockNumber(),
      confirmations: 1,
    });
    expect(BigInt(mined.hostPaidWei)).toBeGreaterThan(0n);
    for (let block = 1; block < mined.confirmationsNeeded; block += 1) await engine.mine();
    await engine.index();
    expect(await told()).toMatchObject({
      status: "settled",
      confirmations: mined.confirmationsNeeded,
    });
    expect((await told(await door.person())).status).toBe(404);
  });
});
