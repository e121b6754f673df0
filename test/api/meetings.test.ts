import jwt from "jsonwebtoken";
import { unavailable } from "../../src/errors.ts";
import {
  createTestWorld,
  FakeGate,
  type Person,
  seedAuction,
  seedMeeting,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
let host: Person;
let winner: Person;
let stranger: Person;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  [host, winner, stranger] = [await api.person(), await api.person(), await api.person()];
});
afterAll(() => world.close());

const HOUR_MS = 3_600_000;
const challenge = (meetingId: string, person: Person) =>
  api.request(`/api/meetings/${meetingId}/challenge`, { method: "POST", token: person.token });
const access = (meetingId: string, person: Person, json: object) =>
  api.request(`/api/meetings/access/${meetingId}`, { token: person.token, json });

async function signed(
  meetingId: string,
  person: Person,
): Promise<{ challenge: string; signature: string }> {
  const { status, body } = await challenge(meetingId, person);
  expect(status).toBe(201);
  return { challenge: body.challenge, signature: await person.wallet.signMessage(body.message) };
}

const logOf = (meetingId: string) =>
  world.db.query<{
    granted: boolean;
    reason: string;
    role: string | null;
    blockNumber: number | null;
  }>(
    `SELECT granted, reason, role, block_number AS "blockNumber" FROM meeting_access_logs WHERE meeting_id = $1 ORDER BY id`,
    [meetingId],
  );

describe("seeing a meeting", () => {
  test("is for the host and the pass owner, with their role and without the room", async () => {
    const { auctionId, meetingId, roomName } = await seedSold(api, host, winner);
    for (const [person, role] of [
      [host, "host"],
      [winner, "winner"],
    ] as const) {
      const answer = await api.request(`/api/meetings/auction/${auctionId}`, {
        token: person.token,
      });
      expect(answer.body).toMatchObject({
        id: meetingId,
        role,
        host: host.wallet.address,
        passOwner: winner.wallet.address,
      });
      expect(answer.text).not.toContain(roomName);
      const list = await api.request("/api/meetings/user?limit=100", { token: person.token });
      expect(list.body.data.map((one: { id: string }) => one.id)).toContain(meetingId);
    }
  });

  test("is 404 for everybody else, exactly as if there were none", async () => {
    const { auctionId, meetingId } = await seedSold(api, host, winner);
    const ofStranger = await api.request(`/api/meetings/auction/${auctionId}`, {
      token: stranger.token,
    });
    const ofNobody = await api.request("/api/meetings/auction/888888", { token: stranger.token });
    expect(ofStranger.status).toBe(404);
    expect({ ...ofStranger.body, requestId: "" }).toEqual({ ...ofNobody.body, requestId: "" });
    for (const path of [
      `/api/meetings/${meetingId}/challenge`,
      `/api/meetings/${meetingId}/close`,
    ]) {
      expect((await api.request(path, { method: "POST", token: stranger.token })).status).toBe(404);
    }
    expect(
      (
        await api.request(`/api/meetings/${meetingId}/extend`, {
          token: stranger.token,
          json: { minutes: 5 },
        })
      ).status,
    ).toBe(404);
    expect(
      (await access(meetingId, stranger, { challenge: "x".repeat(32), signature: "0x00" })).status,
    ).toBe(404);
    expect((await api.request("/api/meetings/user", { token: stranger.token })).body.data).toEqual(
      [],
    );
  });

  test("says who closed it with the checksum that every address has", async () => {
    const { auctionId, meetingId } = await seedSold(api, host, winner, { state: "closed" });
    await world.db.query("UPDATE meetings SET closed_by = host WHERE id = $1", [meetingId]);
    const { body } = await api.request(`/api/meetings/auction/${auctionId}`, {
      token: host.token,
    });
    expect(body.closedBy).toBe(host.wallet.address);
  });

  test("passes from the winner to whoever owns the pass now", async () => {
    const buyer = await api.person();
    const auctionId = await seedAuction(world.db, {
      host: host.wallet.address,
      phase: "sold",
      winner: winner.wallet.address,
      passOwner: buyer.wallet.address,
    });
    const { id } = await seedMeeting(world.db, {
      auctionId,
      host: host.wallet.address,
      winner: winner.wallet.address,
    });
    expect(
      (await api.request(`/api/meetings/auction/${auctionId}`, { token: winner.token })).status,
    ).toBe(404);
    expect(
      (await api.request(`/api/meetings/auction/${auctionId}`, { token: buyer.token })).status,
    ).toBe(200);
    expect(
      (await api.request("/api/meetings/user", { token: buyer.token })).body.data.map(
        (one: { id: string }) => one.id,
      ),
    ).toEqual([id]);
    // The projection may lag behind: to enter, the chain decides.
    api.reader.passOwners.set(auctionId, stranger.wallet.address.toLowerCase());
    expect((await challenge(id, buyer)).status).toBe(404);
    expect((await challenge(id, stranger)).status).toBe(201);
  });
});

describe("entering a meeting", () => {
  test("gives the pass owner, proven by Lit, a short-lived token for that room, and writes it down", async () => {
    const { meetingId, roomName } = await seedSold(api, host, winner);
    const { status, body, headers } = await access(
      meetingId,
      winner,
      await signed(meetingId, winner),
    );
    expect([status, body.role, headers.get("cache-control")]).toEqual([200, "winner", "no-store"]);
    expect(body.roomUrl).toContain(roomName);
    const claims = jwt.verify(body.token, api.deps.config.JITSI_SECRET.reveal()) as {
      room: string;
      exp: number;
      context: { user: { id: string } };
    };
    expect(claims.room).toBe(roomName);
    const [session] = await world.db.query<{ id: string; role: string; userId: string }>(
      `SELECT id, role, user_id AS "userId" FROM meeting_sessions WHERE meeting_id = $1`,
      [meetingId],
    );
    expect(session).toEqual({
      id: claims.context.user.id,
      role: "winner",
      userId: winner.account.id,
    });
    expect(claims.exp * 1_000).toBeLessThanOrEqual(Date.now() + 600_000);
    expect(await logOf(meetingId)).toEqual([
      { granted: true, reason: "granted", role: "winner", blockNumber: 100 },
    ]);
    const [pass] = await world.db.query<{ proof: { signature: string } }>(
      "SELECT proof FROM lit_gate_passes WHERE meeting_id = $1",
      [meetingId],
    );
    expect(pass?.proof.signature).toMatch(/^0x/);
  });

  test("gives the host a token as owner of the room, by the signature alone", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    const calls = api.gate.calls;
    const { status, body } = await access(meetingId, host, await signed(meetingId, host));
    expect([status, body.role]).toEqual([200, "host"]);
    expect(api.gate.calls).toBe(calls);
    expect(JSON.stringify(jwt.decode(body.token))).toContain("owner");
  });

  test("never outlasts the meeting", async () => {
    const endsAt = new Date(Date.now() + 60_000);
    const { meetingId } = await seedSold(api, host, winner, { endsAt });
    expect((await access(meetingId, winner, await signed(meetingId, winner))).body.expiresAt).toBe(
      endsAt.toISOString(),
    );
  });

  test("takes the proof of a client that ran the Lit Action itself, for its own challenge only", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    const [one, two] = [await challenge(meetingId, winner), await challenge(meetingId, winner)];
    const litProof = await new FakeGate().prove({ claim: one.body.claim, userSignature: "0x" });
    expect(
      (await access(meetingId, winner, { challenge: two.body.challenge, litProof })).body,
    ).toMatchObject({ status: 403, code: "access_denied" });
    expect(
      (await access(meetingId, winner, { challenge: one.body.challenge, litProof })).status,
    ).toBe(200);
    const ofHost = await challenge(meetingId, host);
    expect(
      (await access(meetingId, host, { challenge: ofHost.body.challenge, litProof })).body,
    ).toMatchObject({ status: 422, code: "signature_required" });
  });

  test("spends a challenge once among 20 uses at once", async () => {
    const USES = 20;
    // All of them pass every check before any of them gets to spend it.
    const gate = new FakeGate();
    const prove = gate.prove.bind(gate);
    const { promise: allThere, resolve: allAreThere } = Promise.withResolvers<void>();
    gate.prove = async (input) => {
      const proof = await prove(input);
      if (gate.calls === USES) allAreThere();
      await allThere;
      return proof;
    };
    const crowded = await world.start({ gate, reader: api.reader });
    const { meetingId } = await seedSold(api, host, winner);
    const json = await signed(meetingId, winner);
    const answers = await Promise.all(
      Array.from({ length: USES }, () =>
        crowded.request(`/api/meetings/access/${meetingId}`, { token: winner.token, json }),
      ),
    );
    expect(answers.filter((one) => one.status === 200)).toHaveLength(1);
    const refused = answers.filter((one) => one.status === 409);
    expect(refused.map((one) => one.body.code)).toEqual(
      Array.from({ length: USES - 1 }, () => "challenge_spent"),
    );
    expect((await logOf(meetingId)).filter((one) => one.granted)).toHaveLength(1);
    // And the next one is told before anything is asked of Lit.
    expect((await access(meetingId, winner, json)).body.code).toBe("challenge_spent");
  });

  test("is refused to a host whose wallet did not sign", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    const { body } = await challenge(meetingId, host);
    for (const signature of [
      await winner.wallet.signMessage(body.message),
      await host.wallet.signMessage(`${body.message} `),
      "0x00",
    ]) {
      expect(
        (await access(meetingId, host, { challenge: body.challenge, signature })).body,
      ).toMatchObject({ status: 403, code: "access_denied" });
    }
  });

  test("is refused for a signature of another wallet, another's challenge, another meeting's, or an expired one", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    const other = await seedSold(api, host, winner);
    const { body } = await challenge(meetingId, winner);
    expect(
      (
        await access(meetingId, winner, {
          challenge: body.challenge,
          signature: await host.wallet.signMessage(body.message),
        })
      ).body.code,
    ).toBe("access_denied");
    const good = {
      challenge: body.challenge,
      signature: await winner.wallet.signMessage(body.message),
    };
    expect((await access(meetingId, host, good)).body).toMatchObject({
      status: 403,
      code: "access_denied",
    });
    expect((await access(other.meetingId, winner, good)).body.code).toBe("access_denied");
    await world.db.query("UPDATE lit_gate_passes SET expires_at = now() WHERE meeting_id = $1", [
      meetingId,
    ]);
    expect((await access(meetingId, winner, good)).body.code).toBe("access_denied");
    expect((await logOf(meetingId)).map((one) => one.reason)).toEqual([
      "signature_invalid",
      "challenge_of_other_user",
      "challenge_expired",
    ]);
  });

  test("is refused when the pass has changed hands since the challenge", async () => {
    const { meetingId, auctionId } = await seedSold(api, host, winner);
    const command = await signed(meetingId, winner);
    api.reader.passOwners.set(auctionId, stranger.wallet.address.toLowerCase());
    expect((await access(meetingId, winner, command)).status).toBe(404);
    api.reader.passOwners.delete(auctionId);
    expect((await access(meetingId, winner, command)).status).toBe(404);
    expect((await logOf(meetingId)).map((one) => one.reason)).toEqual([
      "not_a_participant",
      "not_a_participant",
    ]);
  });

  test.each([
    [
      "before the room opens",
      {
        startsAt: new Date(Date.now() + HOUR_MS),
        endsAt: new Date(Date.now() + 2 * HOUR_MS),
        state: "scheduled",
      },
      "meeting_not_open",
    ],
    ["while it is being closed", { state: "closing" }, "meeting_over"],
    ["after a reorg took the sale back", { state: "withdrawn" }, "meeting_withdrawn"],
  ])("is refused %s", async (_when, meeting, code) => {
    const { meetingId } = await seedSold(api, host, winner, meeting);
    for (const person of [host, winner])
      expect((await access(meetingId, person, await signed(meetingId, person))).body).toMatchObject(
        { status: 403, code },
      );
  });

  test("is not even challenged after its end", async () => {
    const { meetingId } = await seedSold(api, host, winner, {
      endsAt: new Date(Date.now() - 1_000),
    });
    expect((await challenge(meetingId, winner)).body).toMatchObject({
      status: 403,
      code: "meeting_over",
    });
  });

  test("keeps the challenge when Lit is away, and says when to try again", async () => {
    const gate = new FakeGate();
    const working = gate.prove.bind(gate);
    gate.prove = async () =>
      Promise.reject(unavailable("lit_unavailable", "the Lit nodes do not answer"));
    const down = await world.start({ gate, reader: api.reader });
    const { meetingId } = await seedSold(api, host, winner);
    const command = await signed(meetingId, winner);
    const enter = () =>
      down.request(`/api/meetings/access/${meetingId}`, { token: winner.token, json: command });
    const refused = await enter();
    expect([refused.status, refused.body.code, refused.headers.get("retry-after")]).toEqual([
      503,
      "lit_unavailable",
      "5",
    ]);
    gate.prove = working;
    expect((await enter()).status).toBe(200);
  });

  test("is refused with both a signature and a proof, or with unknown fields", async () => {
    const { meetingId } = await seedSold(api, host, winner);
    const command = await signed(meetingId, winner);
    for (const json of [
      { ...command, admin: true },
      { challenge: command.challenge },
      { ...command, litProof: { signature: "0x", publicKey: "", dataSigned: "" } },
    ]) {
      expect((await access(meetingId, winner, json)).status).toBe(422);
    }
  });
});
