// What one client may take of a node: sockets, handshakes, and events that wait for it.
import type { Socket } from "socket.io-client";
import { createRateLimits } from "../../src/api/limits/rate-limits.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import { recordEvents } from "../../src/db/events.ts";
import { createTestWorld, once, testConfig, type TestWorld } from "../support/api.ts";
import { testLogger } from "../support/logs.ts";
import { connect, kind, tell, until } from "./support.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

/** The WebSocket of a client. */
function wire(socket: Socket): { pause(): void; resume(): void } {
  const { transport } = socket.io.engine as unknown as {
    transport: { ws: { pause(): void; resume(): void } };
  };
  return transport.ws;
}

test("a client that stops reading is let go and told so, misses nothing when it comes back, and holds up nobody", async () => {
  const api = await world.start({ config: testConfig({ SOCKET_BACKLOG_EVENTS: "1100" }) });
  const [slow, fast] = [await api.person(), await api.person()];
  const type = kind();
  const reader = await connect(api, { token: fast.token }, [type]);
  const sleeper = await connect(api, { token: slow.token }, [type]);
  const dead = await connect(api, { token: slow.token });
  let lastSeq = sleeper.ready.seq;
  for (const { socket } of [sleeper, dead]) wire(socket).pause();
  // More than two socket buffers hold, and then more events than may wait.
  const BIG = "x".repeat(16_000);
  const [BATCHES, EACH] = [12, 250];
  for (let n = 0; n < BATCHES; n += 1)
    await world.db.transaction((tx) =>
      recordEvents(
        tx,
        Array.from({ length: EACH }, (_, k) => ({
          type,
          audience: ["public"],
          data: { n: n * EACH + k, big: BIG },
        })),
      ),
    );
  await until(() => reader.got.length === BATCHES * EACH);
  const [why, gone] = [once(sleeper.socket, "closing"), once(sleeper.socket, "disconnect")];
  const closing = (): number =>
    [...api.io.sockets.sockets.values()].filter((one) => one.conn.readyState === "closing").length;
  await until(() => closing() === 2);
  wire(sleeper.socket).resume();
  expect(await why).toMatchObject({ code: "slow_consumer" });
  // Not "io server disconnect", after which socket.io's client would stay away.
  expect(await gone).toBe("transport close");
  // One that does not even take the last words is gone all the same.
  await until(() => api.io.sockets.sockets.size === 1);
  wire(dead.socket).resume();
  expect(reader.socket.connected).toBe(true);

  const seen = sleeper.got.map((event) => event.seq);
  lastSeq = Math.max(lastSeq, ...seen);
  expect(seen.length).toBeLessThan(BATCHES * EACH);
  for (;;) {
    const { body } = await api.request(`/api/events?after=${lastSeq}&limit=100`, {
      token: slow.token,
    });
    seen.push(...body.data.map((event: { seq: number }) => event.seq));
    lastSeq = body.lastSeq;
    if (body.nextCursor === null) break;
  }
  expect(seen).toEqual(reader.got.map((event) => event.seq));
});

test("one user has so many sockets at a node and no more, until one is closed; others are not concerned", async () => {
  const api = await world.start({ config: testConfig({ SOCKETS_PER_USER: "3" }) });
  const [person, other] = [await api.person(), await api.person()];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => connect(api, { token: person.token })),
  );
  const refused = outcomes.filter((one) => one.status === "rejected");
  expect(refused.map((one) => one.reason.data.code)).toEqual(Array(5).fill("too_many_sockets"));
  await connect(api, { token: other.token });
  const open = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const before = api.io.engine.clientsCount;
  open[0]?.socket.disconnect();
  await until(() => api.io.engine.clientsCount < before);
  const { socket } = await connect(api, { token: person.token });
  // One connection that leaves and comes again is still one.
  socket.disconnect();
});

test("handshakes take from the quotas of the API: a user's own, and an address's when the token opens nothing", async () => {
  const config = testConfig({
    RATE_LIMITS: "read:2,write:100,auth:100,integration:100,refused:2",
  });
  const limits = createRateLimits({ quotas: config.RATE_LIMITS, logger: testLogger() });
  const api = await world.start({ config, limits });
  const [person, other] = [await api.person(), await api.person()];
  const codes: unknown[] = [];
  const tryWith = (token: string): Promise<unknown> =>
    connect(api, { token }).then(
      ({ socket }) => (socket.disconnect(), codes.push("let in")),
      (error: Error & { data: { code: string } }) => codes.push(error.data.code),
    );
  for (let n = 0; n < 3; n += 1) await tryWith(person.token);
  const dead = issueAccessToken(
    { id: other.account.id, sessionEpoch: 7 },
    config.JWT_SECRET,
    600,
  ).token;
  for (let n = 0; n < 3; n += 1) await tryWith(dead);
  await tryWith(other.token);
  expect(codes).toEqual([
    "let in",
    "let in",
    "quota_exceeded",
    "token_invalid",
    "token_invalid",
    "quota_exceeded",
    "let in",
  ]);
});

test("a wallet that is bound while its owner's socket arrives is heard of once, in order", async () => {
  const api = await world.start();
  const person = await api.person();
  const type = kind();
  const wallet = `0x${person.account.id.replaceAll("-", "").padEnd(40, "0")}`;
  const audience = [`wallet:${wallet}`, "public"];
  const { ready } = await connect(api, { token: person.token });
  // The socket is held on its way in, by the lock, after it has a position and before it has its rooms.
  let release = (): void => undefined;
  const locked = Promise.withResolvers<void>();
  const held = world.db.transaction(async (tx) => {
    await tx.query("LOCK TABLE auctions IN ACCESS EXCLUSIVE MODE");
    locked.resolve();
    await new Promise<void>((resolve) => (release = resolve));
  });
  await locked.promise;
  const arriving = connect(api, { token: person.token, lastSeq: ready.seq, auctions: ["1"] }, [
    type,
  ]);
  const waits =
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%auctions%'";
  while ((await world.db.query(waits)).length === 0);
  await tell(world.db, type, audience, { n: 1 });
  await world.db.query("INSERT INTO wallets (address, user_id, source) VALUES ($1, $2, 'para')", [
    wallet,
    person.account.id,
  ]);
  await tell(world.db, "wallet-bound", [`user:${person.account.id}`], { address: wallet });
  await tell(world.db, type, audience, { n: 2 });
  const witness = await connect(api, { token: person.token }, [type]);
  await tell(world.db, type, [`wallet:${wallet}`], { n: 3 });
  // It may have come before the node had handed on the ones before.
  await until(() => witness.got.at(-1)?.data["n"] === 3);
  release();
  await held;
  const { got } = await arriving;
  await tell(world.db, type, [`wallet:${wallet}`], { n: 4 });
  await until(() => got.at(-1)?.data["n"] === 4);
  expect(got.map((event) => event.data["n"])).toEqual([1, 2, 3, 4]);
});
