import { Wallet } from "ethers";
import type { JitsiSandbox } from "../../dev/sandbox/jitsi/server.ts";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { createRoomTokens } from "../../src/jitsi/index.ts";
import { createParaClient } from "../../src/para/index.ts";
import {
  createTestWorld,
  FakeReader,
  seedAuction,
  seedMeeting,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { signIn, startJitsiSandbox, startParaSandbox } from "../support/sandboxes.ts";

// The API with the real Para and Jitsi clients, against sandboxes that speak the vendors' protocols.

let world: TestWorld;
let para: ParaSandbox;
let jitsi: JitsiSandbox;
let api: TestApi;

beforeAll(async () => {
  [world, para, jitsi] = await Promise.all([
    createTestWorld(),
    startParaSandbox(),
    startJitsiSandbox(),
  ]);
  const { appId, secret, domain, url, integrationSecret, adminUrl } = jitsi.config;
  const config = testConfig({
    JITSI_DOMAIN: domain,
    JITSI_URL: url,
    JITSI_APP_ID: appId,
    JITSI_SECRET: secret,
    JITSI_INTEGRATION_SECRET: integrationSecret,
    JITSI_ADMIN_URL: adminUrl,
  });
  api = await world.start({
    config,
    reader: new FakeReader(),
    para: createParaClient({ ...para.config, timeoutMs: 180_000 }),
    jitsi: createRoomTokens(jitsi.config),
  });
  jitsi.setApiUrl(api.url);
});
afterAll(async () => {
  await jitsi.stop();
  await para.stop();
  await world.close();
});

test("a person logs in by token, then by session, which binds the wallet to the same account", async () => {
  const person = await signIn(para, "Alice@Example.org");
  const byToken = await api.request("/api/auth/para-auth", {
    json: { verificationToken: person.verificationToken },
  });
  expect([byToken.status, byToken.body.user.identifier]).toEqual([200, "alice@example.org"]);
  const bySession = await api.request("/api/auth/para-session", {
    token: byToken.body.token,
    json: { session: person.session },
  });
  expect([bySession.status, bySession.body.wallets]).toEqual([200, [person.address]]);
  expect(bySession.body.user.id).toBe(byToken.body.user.id);
  const [kept] = await world.db.query<{ ciphertext: Buffer }>(
    "SELECT ciphertext FROM para_sessions WHERE user_id = $1",
    [bySession.body.user.id],
  );
  expect(kept?.ciphertext.length).toBeGreaterThan(0);
  const bob = await signIn(para, "bob@example.org");
  const grafted = await api.request("/api/auth/para-session", {
    token: byToken.body.token,
    json: { session: bob.session },
  });
  expect(grafted.body).toMatchObject({ status: 403, code: "para_session_of_another" });
});

test("host and pass owner get into the room with what the API gave them, and Jitsi tells that they were there", async () => {
  const people = await Promise.all(
    ["host@example.org", "winner@example.org"].map(async (email) => {
      const person = await signIn(para, email);
      const { body } = await api.request("/api/auth/para-session", {
        json: { session: person.session },
      });
      return { wallet: new Wallet(person.privateKey), token: body.token as string };
    }),
  );
  const [host, winner] = people;
  if (host === undefined || winner === undefined) throw new Error("nobody is there");
  const owner = winner.wallet.address;
  const auctionId = await seedAuction(world.db, {
    host: host.wallet.address,
    phase: "sold",
    winner: owner,
    passOwner: owner,
  });
  api.reader.passOwners.set(auctionId, owner.toLowerCase());
  const meeting = await seedMeeting(world.db, {
    auctionId,
    host: host.wallet.address,
    winner: owner,
  });
  for (const person of people) {
    const challenge = await api.request(`/api/meetings/${meeting.id}/challenge`, {
      method: "POST",
      token: person.token,
    });
    const signature = await person.wallet.signMessage(challenge.body.message);
    const access = await api.request(`/api/meetings/access/${meeting.id}`, {
      token: person.token,
      json: { challenge: challenge.body.challenge, signature },
    });
    expect(access.status).toBe(200);
    const joined = await fetch(`${jitsi.url}/__sandbox/join`, {
      method: "POST",
      body: JSON.stringify({ room: meeting.roomName, token: access.body.token }),
    });
    expect([joined.status, await joined.text()]).toEqual([200, expect.any(String)]);
  }
  await jitsi.flush();
  const seen = await world.db.query<{ role: string }>(
    "SELECT role FROM meeting_attendance WHERE meeting_id = $1 ORDER BY role",
    [meeting.id],
  );
  expect(seen.map((one) => one.role)).toEqual(["host", "winner"]);
});
