import { randomBytes } from "node:crypto";
import type { Socket } from "socket.io-client";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import { REPLAY_LIMIT } from "../../src/api/realtime/types.ts";
import { recordEvents } from "../../src/db/events.ts";
import {
  once,
  ORIGIN,
  createTestWorld,
  type Person,
  seedAuction,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { connect, type Envelope, kind, tell as tellIn, until } from "./support.ts";

let world: TestWorld;
let api: TestApi;
let second: TestApi;

beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  second = await world.start();
});
afterAll(() => world.close());

const tell = (type: string, audience: string[], data: object = {}) =>
  tellIn(world.db, type, audience, data);

describe("a socket", () => {
  test("hears what is public and what is for its user and wallets, in one envelope, and nothing of others", async () => {
    const [alice, bob] = [await api.person(), await api.person()];
    const type = kind();
    const { got } = await connect(api, { token: alice.token }, [type]);
    await tell(type, [`user:${bob.account.id}`], { n: 0 });
    await tell(type, ["public"], { n: 1 });
    await tell(type, [`user:${alice.account.id}`], { n: 2 });
    await tell(
      type,
      [`wallet:${alice.wallet.address.toLowerCase()}`, "public", `user:${alice.account.id}`],
      { n: 3 },
    );
    await until(() => got.length >= 3);
    expect(got.map((event) => event.data["n"])).toEqual([1, 2, 3]);
    expect(Object.keys(got[0] ?? {}).sort()).toEqual(["data", "id", "occurredAt", "seq", "type"]);
    expect(got[1]?.seq).toBeGreaterThan(got[0]?.seq ?? Infinity);
  });

  test("follows an auction after join-auction and no more after leave-auction", async () => {
    const person = await api.person();
    const id = await seedAuction(world.db, { host: person.wallet.address });
    const type = kind();
    const { socket, got } = await connect(api, { token: person.token }, [type]);
    await tell(type, [`auction:${id}`], { n: 0 });
    // Heard once the node has read past the one before, so that the joining comes after it.
    await tell(type, ["public"], { n: "before joining" });
    await until(() => got.length === 1);
    expect(await socket.emitWithAck("join-auction", id)).toMatchObject({ ok: true, auctionId: id });
    await tell(type, [`auction:${id}`], { n: 1 });
    await until(() => got.length === 2);
    expect(await socket.emitWithAck("leave-auction", id)).toMatchObject({ ok: true });
    await tell(type, [`auction:${id}`], { n: 2 });
    await tell(type, ["public"], { n: 3 });
    await until(() => got.length === 3);
    expect(got.map((event) => event.data["n"])).toEqual(["before joining", 1, 3]);
  });

  test("cannot join what is no auction, nor more auctions than the cap", async () => {
    const person = await api.person();
    const { socket } = await connect(api, { token: person.token });
    expect(await socket.emitWithAck("join-auction", "999999999")).toMatchObject({
      ok: false,
      code: "auction_not_found",
    });
    for (const bad of ["user:1", { id: 1 }, null, person.account.id])
      expect(await socket.emitWithAck("join-auction", bad)).toMatchObject({
        ok: false,
        code: "auction_id_invalid",
      });
    const ids: string[] = [];
    for (let n = 0; n < 51; n += 1)
      ids.push(await seedAuction(world.db, { host: person.wallet.address }));
    for (const id of ids.slice(0, 50))
      expect(await socket.emitWithAck("join-auction", id)).toMatchObject({ ok: true });
    expect(await socket.emitWithAck("join-auction", ids[50])).toMatchObject({
      ok: false,
      code: "too_many_auctions",
    });
    // One it is in already costs nothing.
    expect(await socket.emitWithAck("join-auction", ids[0])).toMatchObject({ ok: true });
  });

  test("is refused without a good token, telling why in the words of the API", async () => {
    const many = Array.from({ length: 51 }, (_, n) => String(n));
    for (const [auth, code] of [
      [{}, "token_missing"],
      [{ token: null }, "token_missing"],
      [{ token: "nonsense" }, "token_invalid"],
      [{ token: 7 }, "handshake_invalid"],
      [{ token: "nonsense", auctions: many }, "handshake_invalid"],
    ] as const) {
      const socket = api.socket(auth);
      const refused = once<Error & { data: { code: string } }>(socket, "connect_error");
      socket.connect();
      expect((await refused).data.code).toBe(code);
    }
  });

  test("is refused to a page of another origin, also over a bare WebSocket, and open to our frontend", async () => {
    const person = await api.person();
    const evil = api.socket({ token: person.token }, { origin: "https://evil.example" });
    const refused = once<Error>(evil, "connect_error");
    evil.connect();
    await refused;
    expect(evil.connected).toBe(false);
    const { socket } = await connect(api, { token: person.token }, [], { origin: ORIGIN });
    expect(socket.connected).toBe(true);
  });

  test("that sends a message beyond 16 KB is cut off", async () => {
    const person = await api.person();
    const { socket } = await connect(api, { token: person.token });
    const gone = once(socket, "disconnect");
    socket.emit("join-auction", "1".repeat(20_000));
    await gone;
  });

  test("that floods the server with requests is cut off", async () => {
    const person = await api.person();
    const { socket } = await connect(api, { token: person.token });
    const [why, gone] = [once(socket, "closing"), once(socket, "disconnect")];
    // Half of it is nothing the server knows, which costs it no less to parse.
    for (let n = 0; n < 300; n += 1) socket.emit("leave-auction", "1").emit("nonsense", n);
    expect(await why).toMatchObject({ code: "too_many_requests" });
    expect(await gone).toBe("io server disconnect");
  });

  test("ends with its token", async () => {
    const person = await api.person();
    const { token } = issueAccessToken(person.account, api.deps.config.JWT_SECRET, 2);
    const { socket } = await connect(api, { token });
    const [why, gone] = [once(socket, "closing"), once(socket, "disconnect")];
    expect(await why).toMatchObject({ code: "token_expired" });
    expect(await gone).toBe("io server disconnect");
  });

  test("hears of a wallet that is bound while it is connected", async () => {
    const person = await api.person();
    const type = kind();
    const { got } = await connect(second, { token: person.token }, [type]);
    const wallet = `0x${randomBytes(20).toString("hex")}`;
    api.para.sessions.set("more-wallets", {
      identity: { authType: "email", identifier: person.account.identifier },
      paraUserId: "p",
      wallets: [{ id: "w", type: "EVM", address: wallet }],
    });
    expect(
      (
        await api.request("/api/auth/para-session", {
          token: person.token,
          json: { session: "more-wallets" },
        })
      ).status,
    ).toBe(200);
    await tell(type, [`wallet:${wallet}`]);
    await until(() => got.length === 1);
  });
});

describe("logging out", () => {
  test("cuts the user's sockets on every node, and nobody else's", async () => {
    const [alice, bob] = [await api.person(), await api.person()];
    const a1 = await connect(api, { token: alice.token });
    const a2 = await connect(second, { token: alice.token });
    const type = kind();
    const b = await connect(second, { token: bob.token }, [type]);
    const gone = Promise.all([once(a1.socket, "disconnect"), once(a2.socket, "disconnect")]);
    const why = once(a1.socket, "closing");
    expect(
      (await api.request("/api/auth/logout", { method: "POST", token: alice.token })).status,
    ).toBe(204);
    expect(await gone).toEqual(["io server disconnect", "io server disconnect"]);
    expect(await why).toMatchObject({ code: "session_ended" });
    await tell(type, ["public"]);
    await until(() => b.got.length === 1);
    expect(b.socket.connected).toBe(true);
  });

  test("does not cut a socket of the login after it, and is told to no client", async () => {
    const person = await api.person();
    const types = ["session-ended", kind()];
    expect(
      (await api.request("/api/auth/logout", { method: "POST", token: person.token })).status,
    ).toBe(204);
    const { token } = issueAccessToken(
      { id: person.account.id, sessionEpoch: 1 },
      api.deps.config.JWT_SECRET,
      600,
    );
    // From the very start, so that the replay passes over the logout.
    const { socket, got } = await connect(api, { token, lastSeq: 0 }, types);
    await tell(types[1] ?? "", [`user:${person.account.id}`]);
    await until(() => got.length === 1);
    expect([socket.connected, got[0]?.type]).toEqual([true, types[1]]);
    const { body } = await api.request("/api/events?limit=100", { token });
    expect(body.data.map((event: Envelope) => event.type)).not.toContain("session-ended");
  });
});

describe("coming back with lastSeq", () => {
  test("misses nothing and gets nothing twice while events are being written, on either node", async () => {
    const person = await api.person();
    const id = await seedAuction(world.db, { host: person.wallet.address });
    const type = kind();
    const TOTAL = 600;
    const audiences = [
      ["public"],
      [`user:${person.account.id}`],
      [`auction:${id}`, "public"],
      [`auction:${id}`],
    ];
    const writer = (async () => {
      for (let n = 0; n < TOTAL; n += 4) {
        // Several transactions at once, so that commits overlap.
        await Promise.all([0, 1, 2, 3].map((k) => tell(type, audiences[k] ?? [], { n: n + k })));
      }
    })();

    const seen: Envelope[] = [];
    let lastSeq: number | undefined = 0;
    let rounds = 0;
    while (seen.length < TOTAL) {
      const node = rounds % 2 === 0 ? api : second;
      const socket: Socket = node.socket({ token: person.token, lastSeq, auctions: [id] });
      const atStart = seen.length;
      socket.on(type, (event: Envelope) => {
        seen.push(event);
        lastSeq = event.seq;
      });
      const gone = once(socket, "disconnect");
      socket.connect();
      // Cut it at an arbitrary point: in the middle of the replay, at the seam, or live.
      await until(() => seen.length >= TOTAL || seen.length - atStart > rounds * 3);
      socket.disconnect();
      await gone;
      rounds += 1;
    }
    await writer;
    expect(rounds).toBeGreaterThan(5);
    expect(seen.map((event) => event.data["n"]).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: TOTAL }, (_, n) => n),
    );
    expect(seen.map((event) => event.seq)).toEqual(
      seen.map((event) => event.seq).toSorted((a, b) => a - b),
    );
  });

  test("gets what it missed before anything new", async () => {
    const person = await api.person();
    const type = kind();
    const { ready, socket } = await connect(api, { token: person.token });
    socket.disconnect();
    for (const n of [1, 2, 3]) await tell(type, [`user:${person.account.id}`], { n });
    const { got } = await connect(second, { token: person.token, lastSeq: ready.seq }, [type]);
    await tell(type, [`user:${person.account.id}`], { n: 4 });
    await until(() => got.length === 4);
    expect(got.map((event) => event.data["n"])).toEqual([1, 2, 3, 4]);
  });

  test("gets resync-required instead of a replay when it missed too much, or when no such seq exists, and is live after it", async () => {
    const person = await api.person();
    const type = kind();
    const audience = [`user:${person.account.id}`];
    const before = await connect(api, { token: person.token }, [type]);
    const { ready } = before;
    await world.db.transaction((tx) =>
      recordEvents(
        tx,
        Array.from({ length: REPLAY_LIMIT + 1 }, () => ({ type, audience, data: {} })),
      ),
    );
    // Until this node has read them, they would come live.
    await until(() => before.got.length === REPLAY_LIMIT + 1);
    before.socket.disconnect();
    for (const lastSeq of [ready.seq, 900_000_000]) {
      const { got } = await connect(api, { token: person.token, lastSeq }, [
        type,
        "resync-required",
      ]);
      expect(got.map((event) => event.type)).toEqual(["resync-required"]);
      await tell(type, audience, { live: true });
      await until(() => got.length === 2);
      expect(got[1]?.data).toEqual({ live: true });
    }
    // Exactly the limit is still replayed.
    const { got } = await connect(api, { token: person.token, lastSeq: ready.seq + 3 }, [type]);
    expect(got).toHaveLength(REPLAY_LIMIT);
  });
});

describe("GET /api/events", () => {
  test("tells the same events as the socket, page by page, and where to go on", async () => {
    const person: Person = await api.person();
    const other = await api.person();
    const id = await seedAuction(world.db, { host: person.wallet.address });
    const type = kind();
    const { ready, got } = await connect(api, { token: person.token, auctions: [id] }, [type]);
    for (const [n, room] of [
      "public",
      `user:${person.account.id}`,
      `user:${other.account.id}`,
      `auction:${id}`,
    ].entries())
      await tell(type, [room], { n });
    await until(() => got.length === 3);
    const first = await api.request(`/api/events?after=${ready.seq}&limit=2&auctions=${id}`, {
      token: person.token,
    });
    const rest = await api.request(
      `/api/events?after=${first.body.nextCursor}&limit=2&auctions=${id}`,
      { token: person.token },
    );
    expect([...first.body.data, ...rest.body.data]).toEqual(got);
    expect(rest.body.nextCursor).toBeNull();
    expect(
      (
        await api.request(`/api/events?after=${rest.body.lastSeq}&auctions=${id}`, {
          token: person.token,
        })
      ).body.data,
    ).toEqual([]);
  });
});
