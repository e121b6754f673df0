// Who comes next, and when: receivers that are slow, or answer what nobody can read, hold up their own user at most.
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { RETRIES_S, WebhookDispatcher } from "../../src/api/webhooks/dispatcher.ts";
import { createTestWorld, type Person, type TestApi, type TestWorld } from "../support/api.ts";
import { rememberSecrets, testLogger } from "../support/logs.ts";
import { Receiver } from "./receiver.ts";
import { tell, until } from "./support.ts";

let world: TestWorld;
let api: TestApi;
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

function dispatch(timeoutMs: number): WebhookDispatcher {
  const { config } = api.deps;
  const one = new WebhookDispatcher({ db: world.db, config, logger: testLogger(), timeoutMs });
  closing.unshift(() => one.close());
  one.start();
  return one;
}

async function register({ token }: Person, url: string): Promise<{ id: string; secret: string }> {
  const { body } = await api.request("/api/webhooks", { token, json: { url } });
  rememberSecrets(body.secret);
  return body;
}

const tellTo = ({ account }: Person, n: number): Promise<void> =>
  tell(world.db, "meeting-opened", [`user:${account.id}`], { n });

test("a user whose ten receivers all keep silent leaves room for everybody else", async () => {
  const [slow, fast] = [await api.person(), await api.person()];
  const [his, hers] = [await receiver(), await receiver()];
  const silence = Promise.withResolvers<number>();
  his.answer = () => silence.promise;
  for (let n = 0; n < 10; n += 1) await register(slow, `${his.url}/${n}`);
  await register(fast, hers.url);
  for (let n = 0; n < 10; n += 1) await tellTo(slow, n);
  await tellTo(fast, 0);
  dispatch(600_000);
  await until(() => hers.got.length === 1);
  expect(his.got.length).toBeLessThanOrEqual(10);
  // What the slow one has is answered, and nothing else is sent.
  await world.db.query("DELETE FROM webhooks");
  silence.resolve(204);
});

test("one receiver never has more than five messages at once", async () => {
  const person = await api.person();
  const mine = await receiver();
  const TOTAL = 20;
  const open: (() => void)[] = [];
  mine.answer = () => new Promise<number>((answer) => open.push(() => answer(204)));
  await register(person, mine.url);
  for (let n = 0; n < TOTAL; n += 1) await tellTo(person, n);
  dispatch(60_000);
  // What is taken at once is marked at once, so the first of it that arrives is enough to look.
  const underWay = async (): Promise<number> =>
    (
      await world.db.query(
        "SELECT FROM webhook_deliveries WHERE state = 'pending' AND attempts > 0",
      )
    ).length;
  await until(() => mine.got.length === 5);
  while (mine.got.length < TOTAL) {
    const seen = mine.got.length;
    open.shift()?.();
    await until(() => mine.got.length > seen);
    expect(await underWay()).toBe(5);
  }
  for (const answer of open) answer();
});

test("a receiver that answers with a change of the protocol has failed, and takes nobody's place", async () => {
  const person = await api.person();
  const wires = new Set<Socket>();
  const odd = createServer((socket) => {
    wires.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    );
  });
  await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const wire of wires) wire.destroy();
    odd.close();
  });
  const { id } = await register(person, `http://127.0.0.1:${(odd.address() as AddressInfo).port}`);
  await tellTo(person, 1);
  const dispatcher = dispatch(3_000);
  const path = `/api/webhooks/${id}/deliveries`;
  for (;;) {
    const { body } = await api.request(path, { token: person.token });
    if (body.data[0]?.lastError !== undefined && body.data[0].lastError !== null) break;
  }
  // Nothing is under way any more.
  await dispatcher.close();
});

test("410 Gone disables at once, also while another delivery has just failed", async () => {
  const person = await api.person();
  const mine = await receiver();
  mine.answer = () => 410;
  const { id } = await register(person, mine.url);
  // Another node noted its failure a moment after this one's transaction began.
  await world.db.query("UPDATE webhooks SET failing_since = now() + interval '1 hour'");
  await tellTo(person, 1);
  dispatch(60_000);
  for (;;) {
    const { body } = await api.request(`/api/webhooks/${id}/deliveries`, { token: person.token });
    if (body.data[0]?.lastStatus === 410) break;
  }
  const { body } = await api.request("/api/webhooks", { token: person.token });
  expect(body.data).toMatchObject([{ state: "disabled" }]);
});

test("a secret that was rotated twice, as the first answer was lost, still signs what comes to a receiver that has the old one", async () => {
  const person = await api.person();
  const mine = await receiver();
  const { id, secret } = await register(person, mine.url);
  const secrets = [secret];
  for (let n = 0; n < 2; n += 1) {
    const { body } = await api.request(`/api/webhooks/${id}/rotate-secret`, {
      method: "POST",
      token: person.token,
    });
    rememberSecrets(body.secret);
    secrets.push(body.secret);
  }
  await tellTo(person, 1);
  dispatch(60_000);
  await until(() => mine.got.length === 1);
  const [message] = mine.got;
  for (const one of secrets)
    new Webhook(one).verify(message?.body ?? "", message?.headers as Record<string, string>);
  // However often: so many sign, and no more.
  for (let n = 0; n < 8; n += 1)
    await api.request(`/api/webhooks/${id}/rotate-secret`, { method: "POST", token: person.token });
  expect(await world.db.query("SELECT FROM webhook_secrets")).toHaveLength(5);
});

test("what is refused, redirected or not answered in time is tried again under the same id, later and later, and given up in the end", async () => {
  const person = await api.person();
  const mine = await receiver();
  const answers = [500, 302, new Promise<number>(() => undefined), 200];
  mine.answer = () => answers.shift() ?? 503;
  const { id } = await register(person, mine.url);
  const newest = async () =>
    (await api.request(`/api/webhooks/${id}/deliveries`, { token: person.token })).body.data[0];
  // Each attempt has a dispatcher of its own, so that only the third must be answered in time.
  const attempt = async (attempts: number, error: string | null, timeoutMs = 60_000) => {
    await world.db.query("UPDATE webhook_deliveries SET next_attempt_at = now()");
    const [begun] = await world.db.query<{ at: string }>("SELECT now()::text AS at");
    const before = mine.got.length;
    const one = dispatch(timeoutMs);
    await until(() => mine.got.length > before);
    await one.close();
    expect(mine.got).toHaveLength(before + 1);
    expect(await newest()).toMatchObject({ attempts, lastError: error });
    const waits = await world.db.query(
      `SELECT next_attempt_at >= $1::timestamptz + make_interval(secs => $2)
          AND next_attempt_at <= now() + make_interval(secs => $2) AS "isRight"
       FROM webhook_deliveries WHERE state = 'pending'`,
      [begun?.at, RETRIES_S[attempts - 1] ?? 0],
    );
    const isOver = error === null || attempts > RETRIES_S.length;
    expect(waits).toEqual(isOver ? [] : [{ isRight: true }]);
  };
  await tellTo(person, 1);
  await attempt(1, "answered 500");
  await attempt(2, "answered 302");
  await attempt(3, "no answer in time", 300);
  await attempt(4, null);
  expect(await newest()).toMatchObject({ state: "delivered", lastStatus: 200 });
  // Nothing followed the redirect, and all four were the same message.
  expect(new Set(mine.got.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(mine.got).toHaveLength(4);

  await tellTo(person, 2);
  for (let n = 1; n <= RETRIES_S.length + 1; n += 1) await attempt(n, "answered 503");
  expect(await newest()).toMatchObject({ state: "failed", attempts: RETRIES_S.length + 1 });
});
