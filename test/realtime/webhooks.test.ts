// Events sent to users' own servers: who gets what, signed so that the specification's own library accepts it, and every failure.
import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { rotateKeys } from "../../src/api/auth/rotation.ts";
import { WebhookDispatcher } from "../../src/api/webhooks/dispatcher.ts";
import { claimDeliveries } from "../../src/db/webhook-deliveries.ts";
import {
  createTestWorld,
  type Person,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { rememberSecrets, testLogger } from "../support/logs.ts";
import { Receiver } from "./receiver.ts";
import { kind, tell } from "./support.ts";

let world: TestWorld;
let api: TestApi;
/** Longer than any test takes: a receiver is silent until the test lets it answer. */
const UNTIL_ANSWERED_MS = 600_000;

const closing: (() => void | Promise<void>)[] = [];
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await world.db.query("DELETE FROM webhooks");
});
afterAll(() => world.close());

async function receiver(): Promise<Receiver> {
  const one = await new Receiver().start();
  closing.push(() => one.close());
  return one;
}

function dispatcher(options: { readonly timeoutMs?: number } = {}): WebhookDispatcher {
  const { config } = api.deps;
  const one = new WebhookDispatcher({ db: world.db, config, logger: testLogger(), ...options });
  closing.unshift(() => one.close());
  one.start();
  return one;
}

async function register(
  person: Person,
  url: string,
  types?: readonly string[],
): Promise<{ id: string; secret: string }> {
  const { status, body } = await api.request("/api/webhooks", {
    token: person.token,
    json: { url, ...(types === undefined ? {} : { types }) },
  });
  expect(status).toBe(201);
  rememberSecrets(body.secret);
  return body;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The deliveries of a person's webhook, newest first. */
async function deliveries(person: Person, id: string) {
  const { body } = await api.request(`/api/webhooks/${id}/deliveries`, { token: person.token });
  return body.data as { state: string; attempts: number; lastStatus: number; lastError: string }[];
}

const state = async (person: Person) =>
  (await api.request("/api/webhooks", { token: person.token })).body.data[0];

/** What waits for its next try is due now. */
const hurry = () => world.db.query("UPDATE webhook_deliveries SET next_attempt_at = now()");

test("whoever an event names gets it, by account or wallet, once, signed, as it is over HTTP; nobody else does", async () => {
  const [alice, bob] = [await api.person(), await api.person()];
  const [hers, his] = [await receiver(), await receiver()];
  const type = kind().replace("kind-", "kind");
  const before = (await api.request("/api/events", { token: alice.token })).body.lastSeq;
  await tell(world.db, type, [`user:${alice.account.id}`], { n: 0 });
  const { secret } = await register(alice, hers.url);
  await register(bob, his.url);
  const wallet = alice.wallet.address.toLowerCase();
  await tell(world.db, type, ["public", "auction:7"], { n: 1 });
  await tell(world.db, type, [`wallet:${wallet}`, `user:${alice.account.id}`], { n: 2 });
  await tell(world.db, type, [`wallet:${wallet}`, `wallet:${bob.wallet.address.toLowerCase()}`], {
    n: 3,
  });
  await tell(world.db, "session-ended", [`user:${alice.account.id}`], { epoch: 0 });
  dispatcher();
  // A second node: each message is still sent by one of them.
  dispatcher();
  await until(() => hers.got.length >= 2 && his.got.length >= 1);
  await tell(world.db, type, [`user:${alice.account.id}`], { n: 4 });
  await until(() => hers.got.some(({ body }) => body.includes('"n": 4') || body.includes('"n":4')));
  const messages = hers.got.map(
    ({ headers, body }) =>
      new Webhook(secret).verify(body, headers as Record<string, string>) as {
        id: string;
        seq: number;
        data: { n: number };
      },
  );
  expect(messages.map((one) => one.data.n).toSorted((a, b) => a - b)).toEqual([2, 3, 4]);
  expect(his.got).toHaveLength(1);
  const { body } = await api.request(`/api/events?after=${before}`, { token: alice.token });
  for (const message of messages) {
    const event = body.data.find((one: { seq: number }) => one.seq === message.seq);
    const { occurredAt, ...rest } = event;
    expect(message).toEqual({ ...rest, timestamp: occurredAt });
    expect(hers.got.map(({ headers }) => headers["webhook-id"])).toContain(event.id);
  }
  expect(() =>
    new Webhook(secret).verify(
      `${hers.got[0]?.body} `,
      hers.got[0]?.headers as Record<string, string>,
    ),
  ).toThrow();
});

test("a receiver that wants some types gets those", async () => {
  const person = await api.person();
  const mine = await receiver();
  await register(person, mine.url, ["meeting-opened"]);
  for (const type of ["meeting-created", "meeting-opened", "notification"])
    await tell(world.db, type, [`user:${person.account.id}`]);
  dispatcher();
  await until(async () => mine.got.length === 1);
  expect(JSON.parse(mine.got[0]?.body ?? "")).toMatchObject({ type: "meeting-opened" });
});

test("a receiver that took nothing for three days is disabled, its owner told once; enabled again it gets what is new", async () => {
  const person = await api.person();
  const mine = await receiver();
  mine.answer = () => 500;
  const { id } = await register(person, mine.url);
  const sending = dispatcher();
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`], { n: 1 });
  await until(async () => (await state(person)).failingSince !== null);
  expect((await state(person)).state).toBe("enabled");
  await world.db.query("UPDATE webhooks SET failing_since = now() - interval '4 days'");
  await until(async () => {
    await hurry();
    sending.wake();
    return (await state(person)).state === "disabled";
  });
  const inbox = await api.request("/api/notifications", { token: person.token });
  expect(inbox.body.data).toMatchObject([{ type: "webhook-disabled", data: { webhookId: id } }]);
  expect((await deliveries(person, id)).map(({ state: at }) => at)).toEqual(
    Array((await deliveries(person, id)).length).fill("failed"),
  );
  mine.answer = () => 200;
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`], { n: 2 });
  mine.got.length = 0;
  await api.request(`/api/webhooks/${id}/enable`, { method: "POST", token: person.token });
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`], { n: 3 });
  await until(() => mine.got.length > 0);
  expect(JSON.parse(mine.got[0]?.body ?? "").data).toEqual({ n: 3 });
});

test("410 Gone disables at once", async () => {
  const person = await api.person();
  const mine = await receiver();
  mine.answer = () => 410;
  await register(person, mine.url);
  dispatcher();
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`]);
  await until(async () => (await state(person)).state === "disabled");
  expect((await state(person)).disabledReason).toBe("it answered 410 Gone");
});

test("what a killed node had taken is sent by another once its lease is over", async () => {
  const person = await api.person();
  const mine = await receiver();
  const { id } = await register(person, mine.url);
  const planner = dispatcher();
  mine.answer = () => 500;
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`]);
  await until(async () => (await deliveries(person, id))[0]?.attempts === 1);
  await planner.close();
  await hurry();
  // Taken, and then nothing.
  const options = { limit: 10, perWebhook: 5, perUser: 10, leaseS: 60, underWay: [] };
  expect(await claimDeliveries(world.db, options)).toHaveLength(1);
  expect(await claimDeliveries(world.db, options)).toHaveLength(0);
  mine.answer = () => 200;
  await hurry();
  dispatcher();
  await until(async () => (await deliveries(person, id))[0]?.state === "delivered");
});

test("a slow receiver does not hold up the others", async () => {
  const [slow, fast] = [await api.person(), await api.person()];
  const [his, hers] = [await receiver(), await receiver()];
  const silence = Promise.withResolvers<number>();
  his.answer = () => silence.promise;
  await register(slow, his.url);
  await register(fast, hers.url);
  for (let n = 0; n < 60; n += 1)
    await tell(world.db, "meeting-opened", [`user:${slow.account.id}`], { n });
  await tell(world.db, "meeting-opened", [`user:${fast.account.id}`]);
  dispatcher({ timeoutMs: UNTIL_ANSWERED_MS });
  await until(() => hers.got.length === 1);
  expect(his.got.length).toBeLessThanOrEqual(5);
  // What the slow one has is answered, and nothing else is sent.
  await world.db.query("DELETE FROM webhooks");
  silence.resolve(204);
});

test("a secret is shown once, kept sealed, rotated with both signing for a day, and sealed anew with the keys", async () => {
  const person = await api.person();
  const mine = await receiver();
  const { id, secret } = await register(person, mine.url);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const listed = await api.request("/api/webhooks", { token: person.token });
  expect(listed.text).not.toContain("whsec_");
  const kept = JSON.stringify(await world.db.query("SELECT * FROM webhook_secrets"));
  expect(kept).not.toContain(Buffer.from(secret).toString("hex"));
  const rotated = await api.request(`/api/webhooks/${id}/rotate-secret`, {
    method: "POST",
    token: person.token,
  });
  rememberSecrets(rotated.body.secret);
  const newKey = {
    id: "k3",
    key: testConfig({ ENCRYPTION_KEYS: `k3:${randomBytes(32).toString("base64")}` })
      .ENCRYPTION_KEYS[0]?.key,
  };
  const keys = [
    newKey,
    ...api.deps.config.ENCRYPTION_KEYS,
  ] as typeof api.deps.config.ENCRYPTION_KEYS;
  expect(await rotateKeys(world.db, keys)).toMatchObject({
    resealedSecrets: 2,
    unreadableSecrets: [],
    unusedKeyIds: ["k2", "k1"],
  });
  const config = { NODE_ENV: "test" as const, ENCRYPTION_KEYS: keys };
  const one = new WebhookDispatcher({ db: world.db, config, logger: testLogger() });
  closing.unshift(() => one.close());
  one.start();
  await tell(world.db, "meeting-opened", [`user:${person.account.id}`]);
  await until(() => mine.got.length === 1);
  const [message] = mine.got;
  for (const either of [secret, rotated.body.secret])
    new Webhook(either).verify(message?.body ?? "", message?.headers as Record<string, string>);
});

test("a user has ten at most, sees and changes none of others, and in production only public https", async () => {
  const [person, other] = [await api.person(), await api.person()];
  const asked = await Promise.all(
    Array.from({ length: 15 }, (_, n) =>
      api.request("/api/webhooks", {
        token: person.token,
        json: { url: `https://example.org/${n}` },
      }),
    ),
  );
  expect(asked.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    ...Array(10).fill(201),
    ...Array(5).fill(409),
  ]);
  const id = asked.find(({ status }) => status === 201)?.body.id;
  for (const [method, path] of [
    ["DELETE", `/api/webhooks/${id}`],
    ["POST", `/api/webhooks/${id}/enable`],
    ["POST", `/api/webhooks/${id}/rotate-secret`],
    ["GET", `/api/webhooks/${id}/deliveries`],
  ] as const)
    expect((await api.request(path, { method, token: other.token })).body.code).toBe(
      "webhook_not_found",
    );
  expect(
    (await api.request(`/api/webhooks/${id}`, { method: "DELETE", token: person.token })).status,
  ).toBe(204);
  const production = await world.start({
    config: testConfig({ NODE_ENV: "production", DATABASE_URL: "postgres://x/x?sslmode=disable" }),
  });
  for (const url of ["http://example.org", "https://127.0.0.1/", "https://u:p@example.org/"])
    expect(
      (await production.request("/api/webhooks", { token: other.token, json: { url } })).body.code,
    ).toBe("webhook_url_refused");
});
