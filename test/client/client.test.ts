// The client against the real API: requests, commands, lists and the feed, over connections that break.
import { createServer, type Socket as TcpSocket, connect as connectTcp } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  announceAuction,
  createApi,
  each,
  Feed,
  type FeedEnd,
  FollowError,
  ok,
  once,
  ProblemError,
} from "../../client/src/index.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import { closeSlowSocket } from "../../src/api/realtime/closing.ts";
import { pruneEvents } from "../../src/db/events.ts";
import {
  createTestWorld,
  type Person,
  seedAuction,
  type TestApi,
  testConfig,
  type TestWorld,
} from "../support/api.ts";
import { createRateLimits } from "../../src/api/limits/rate-limits.ts";
import { testLogger } from "../support/logs.ts";
import { tell } from "../realtime/support.ts";

let world: TestWorld;
let server: TestApi;
const feeds: Feed[] = [];

beforeAll(async () => {
  world = await createTestWorld();
  server = await world.start();
});
afterAll(async () => {
  for (const feed of feeds) feed.close();
  await world.close();
});

const apiOf = (person: Person) => createApi({ url: server.url, token: person.token });

function feedOf(
  options: Omit<ConstructorParameters<typeof Feed>[0], "url"> & { url?: string },
): Feed {
  const feed = new Feed({ url: server.url, ...options });
  feeds.push(feed);
  return feed;
}

const bid = (auctionId: string, n: number): Promise<void> =>
  tell(world.db, "bid-placed", [`auction:${auctionId}`], { auctionId, n });

const numberOf = ({ data }: { readonly data: object }): unknown => (data as { n?: number }).n;

/** A wire between client and server that can be cut. */
async function startWire(): Promise<{ url: string; cut: () => void; close: () => void }> {
  const target = Number(new URL(server.url).port);
  const open = new Set<TcpSocket>();
  const wire = createServer((near) => {
    const far = connectTcp(target, "127.0.0.1");
    for (const one of [near, far]) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const one of open) one.destroy();
    open.clear();
  };
  const { port } = wire.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, cut, close: () => (cut(), wire.close()) };
}

test("answers are typed data, and problems say what to do", async () => {
  const person = await server.person();
  const { user } = await ok(apiOf(person).GET("/api/auth/verify"));
  expect(user.wallets).toEqual([person.wallet.address]);

  const missing = ok(
    createApi({ url: server.url }).GET("/api/auctions/{id}", { params: { path: { id: "1" } } }),
  );
  await expect(missing).rejects.toMatchObject({
    name: "ProblemError",
    status: 404,
    code: "auction_not_found",
    advice: "change",
    helpUrl: `${server.url}/docs/problems/auction_not_found`,
  });
  const page = await fetch(`${server.url}/docs/problems/auction_not_found`);
  expect(page.status).toBe(200);

  const anonymous = ok(createApi({ url: server.url, token: "a.b.c" }).GET("/api/auth/verify"));
  await expect(anonymous).rejects.toMatchObject({ code: "token_invalid", advice: "log-in" });

  const wrong = ok(
    apiOf(person).POST("/api/auctions/created", {
      body: { transactionHash: "0x12", title: "A title", description: "" },
    }),
  );
  const error: unknown = await wrong.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProblemError);
  expect((error as ProblemError).errors).toMatchObject([{ pointer: "/transactionHash" }]);
  expect((error as ProblemError).requestId).toMatch(/^[\w-]{8,64}$/);
});

test("a list is walked to its end, page by page", async () => {
  const host = await server.person();
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1)
    ids.push(await seedAuction(world.db, { host: host.wallet.address }));
  const api = apiOf(host);
  const seen: string[] = [];
  for await (const { id } of each((cursor) =>
    api.GET("/api/auctions/user/created", { params: { query: { ...cursor, limit: 2 } } }),
  ))
    seen.push(id);
  expect(seen).toEqual(ids.toReversed());
});

test("a command is repeated under its key until its answer comes, and what cannot be mended is not repeated", async () => {
  const person = await server.person();
  const keys: (string | null)[] = [];
  const api = createApi({
    url: server.url,
    token: person.token,
    fetch: async (request) => {
      keys.push(request.headers.get("idempotency-key"));
      const answer = await fetch(request);
      // The command arrived, the answer is lost.
      if (keys.length === 1) throw new TypeError("the connection broke");
      return answer;
    },
  });
  const body = { transactionHash: `0x${"ab".repeat(32)}`, title: "A title", description: "" };
  const { data } = await once((header) =>
    api.POST("/api/auctions/created", { body, params: { header } }),
  );
  expect(data).toMatchObject({ status: "unknown" });
  expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);

  keys.length = 1;
  const refused = once((header) =>
    api.POST("/api/meetings/{id}/close", {
      params: { path: { id: crypto.randomUUID() }, header },
    }),
  );
  await expect(refused).rejects.toMatchObject({ code: "meeting_not_found" });
  expect(keys.length).toBe(2);
});

test("an auction that is announced too early is followed until it is recorded", async () => {
  const host = await server.person();
  const hash = `0x${"cd".repeat(32)}`;
  const asked: string[] = [];
  const api = createApi({
    url: server.url,
    token: host.token,
    fetch: async (request) => {
      const answer = await fetch(request);
      asked.push(`${answer.status} ${new URL(request.url).pathname}`);
      return answer;
    },
  });
  const announced = announceAuction(api, {
    transactionHash: hash,
    title: "Strategy hour",
    description: "",
  });
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const auctionId = await seedAuction(world.db, { host: host.wallet.address });
  server.reader.creations.set(hash, {
    status: "created",
    auctions: [{ auctionId, host: host.wallet.address.toLowerCase() }],
    blockNumber: 99,
    confirmations: 1_000,
  });
  expect(await announced).toBe(auctionId);
  expect(asked[0]).toBe("202 /api/auctions/created");
  expect(asked.at(-1)).toBe(`200 /api/auctions/transactions/${hash}`);

  const reverted = `0x${"ef".repeat(32)}`;
  server.reader.creations.set(reverted, { status: "reverted" });
  const body = { transactionHash: reverted, title: "Never", description: "" };
  await expect(announceAuction(api, body)).rejects.toThrow(/revert/);
});

test("events that a broken connection missed come when it is back: each once, in order, those of followed auctions too", async () => {
  const person = await server.person();
  const first = await seedAuction(world.db, { host: person.wallet.address });
  const second = await seedAuction(world.db, { host: person.wallet.address });
  const wire = await startWire();
  const feed = feedOf({ url: wire.url, token: person.token, auctions: [first] });
  const got: { seq: number; n: unknown }[] = [];
  feed.on("bid-placed", (event) => got.push({ seq: event.seq, n: numberOf(event) }));
  const { data } = await feed.next("ready");
  expect(data.auctions).toEqual([first]);
  await feed.follow(second);
  await expect(feed.follow("999999")).rejects.toThrow(FollowError);

  for (let round = 0; round < 5; round += 1) {
    const base = round * 10;
    const seen = feed.next("bid-placed", (event) => numberOf(event) === base + 3);
    await bid(first, base + 1);
    wire.cut();
    await bid(second, base + 2);
    await bid(first, base + 3);
    await seen;
  }
  expect(got.map(({ n }) => n)).toEqual(
    [0, 1, 2, 3, 4].flatMap((r) => [1, 2, 3].map((n) => r * 10 + n)),
  );
  expect(got.map(({ seq }) => seq)).toEqual(got.map(({ seq }) => seq).toSorted((a, b) => a - b));

  // The server says nothing twice; if it did, it would be heard once.
  server.io.to(`auction:${first}`).emit("bid-placed", {
    seq: got[0]?.seq ?? 0,
    id: crypto.randomUUID(),
    type: "bid-placed",
    occurredAt: new Date().toISOString(),
    data: { n: -1 },
  });
  const after = feed.next("bid-placed", (event) => numberOf(event) === 99);
  await bid(first, 99);
  await after;
  expect(got.map(({ n }) => n)).not.toContain(-1);

  // What is not followed any more does not come, and somebody who was away goes on from where they were.
  await feed.unfollow(second);
  feed.close();
  await bid(second, 100);
  await bid(first, 101);
  const later = feedOf({ token: person.token, lastSeq: feed.lastSeq ?? 0, auctions: [first] });
  expect(numberOf(await later.next("bid-placed"))).toBe(101);
  wire.close();
});

test("whoever listens is told that there is no connection and why, and again when it is back", async () => {
  const person = await server.person();
  const wire = await startWire();
  const feed = feedOf({ url: wire.url, token: person.token });
  const ended: FeedEnd[] = [];
  feed.on("end", (end) => ended.push(end));
  await feed.next("ready");

  const [away, back] = [feed.next("away"), feed.next("ready")];
  wire.cut();
  expect((await away).code).toBe("interrupted");
  await back;

  const unreachable = feed.next("away", ({ code }) => code === "unreachable");
  wire.close();
  expect((await unreachable).detail).toContain("FRONTEND_URL");
  // It goes on trying.
  await feed.next("away", ({ code }) => code === "unreachable");
  expect(ended).toEqual([]);
  feed.close();

  // Nobody has logged in: that does not pass by itself.
  const nobody = feedOf({ token: undefined });
  expect(await nobody.next("away").catch(({ cause }: Error) => cause)).toMatchObject({
    code: "token_missing",
    advice: "log-in",
  });
});

test("a client that is let go for reading too slowly is told, and comes back to where it was", async () => {
  const person = await server.person();
  const auctionId = await seedAuction(world.db, { host: person.wallet.address });
  const feed = feedOf({ token: person.token, auctions: [auctionId] });
  await feed.next("ready");
  const told = feed.next("closing");
  const back = feed.next("ready");
  for (const socket of server.io.sockets.sockets.values())
    if (socket.data.userId === person.account.id) closeSlowSocket(socket);
  const seen = feed.next("bid-placed");
  await bid(auctionId, 1);
  expect(await told).toMatchObject({ code: "slow_consumer" });
  expect(numberOf(await seen)).toBe(1);
  await back;
});

test("an expired token is renewed when there is a way to, and else the feed ends with what to do", async () => {
  const person = await server.person();
  const secret = server.deps.config.JWT_SECRET;
  let asked = 0;
  const renewed = feedOf({
    token: () => {
      asked += 1;
      return asked === 1 ? issueAccessToken(person.account, secret, 2).token : person.token;
    },
  });
  await renewed.next("ready");
  expect(await renewed.next("closing")).toMatchObject({ code: "token_expired" });
  await renewed.next("ready");
  expect(asked).toBe(2);

  const short = feedOf({ token: issueAccessToken(person.account, secret, 2).token });
  expect(await short.next("end")).toMatchObject({ code: "token_expired", advice: "log-in" });
  const forged = feedOf({ token: "a.b.c" });
  expect(await forged.next("end")).toMatchObject({ code: "token_invalid", advice: "log-in" });
});

test("a logout ends the feed everywhere", async () => {
  const person = await server.person();
  const feed = feedOf({ token: person.token });
  await feed.next("ready");
  const end = feed.next("end");
  const cause = { cause: { code: "session_ended" } satisfies Partial<FeedEnd> };
  // Waited for from the beginning: the feed may end before the answer to the logout is here.
  const noEvent = expect(feed.next("notification")).rejects.toMatchObject(cause);
  expect((await apiOf(person).POST("/api/auth/logout")).response.status).toBe(204);
  expect(await end).toMatchObject({ code: "session_ended", advice: "log-in" });
  await noEvent;
  expect(feed.connected).toBe(false);
});

test("who was away for too long is told to read anew, and goes on from there", async () => {
  const person = await server.person();
  const witness = feedOf({ token: person.token });
  await witness.next("ready");
  const told = witness.next("auction-cancelled");
  await tell(world.db, "auction-cancelled", ["public"], {});
  await told; // so the node has come as far as the table
  await world.db.query(
    "UPDATE webhook_progress SET last_seq = (SELECT last_seq FROM event_sequence)",
  );
  await pruneEvents(world.db, -1);
  const feed = feedOf({ token: person.token, lastSeq: 1 });
  const ready = feed.next("ready");
  const resync = await feed.next("resync-required");
  expect(resync.data.lastSeq).toBe(1);
  const [row] = await world.db.query<{ seq: number }>("SELECT last_seq AS seq FROM event_sequence");
  expect(resync.seq).toBe(row?.seq);
  await ready;
  expect(feed.lastSeq).toBe(row?.seq);
  // The same when the service began anew, and has fewer events than the client has seen.
  const ahead = feedOf({ token: person.token, lastSeq: 1_000_000 });
  await Promise.all([ahead.next("resync-required"), ahead.next("ready")]);
  expect(ahead.lastSeq).toBe(row?.seq);
});

test("one socket too many ends the feed, which is opened again when there is room", async () => {
  const crowded = await world.start({ config: testConfig({ SOCKETS_PER_USER: "1" }) });
  const person = await crowded.person();
  const first = feedOf({ url: crowded.url, token: person.token });
  await first.next("ready");
  const second = feedOf({ url: crowded.url, token: person.token });
  expect(await second.next("end")).toMatchObject({ code: "too_many_sockets", advice: "change" });
  const gone = new Promise<void>((resolve) => {
    for (const socket of crowded.io.sockets.sockets.values())
      socket.once("disconnect", () => resolve());
  });
  first.close();
  await gone;
  second.open();
  await second.next("ready");
});

test("a refusal that passes by itself is waited for", async () => {
  const limits = createRateLimits({ quotas: testConfig().RATE_LIMITS, logger: testLogger() });
  let refusals = 0;
  const troubled = await world.start({
    limits: {
      ...limits,
      take: async (...asked) => {
        refusals += 1;
        if (refusals === 1) throw new Error("the limits cannot be asked");
        return limits.take(...asked);
      },
    },
  });
  const person = await troubled.person();
  const feed = feedOf({ url: troubled.url, token: person.token });
  await feed.next("ready");
  expect(refusals).toBe(2);
});
