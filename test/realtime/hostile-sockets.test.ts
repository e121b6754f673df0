// What a client can try over one socket: many sockets over one connection, many requests at once, and auctions that come and go.
import {
  createTestWorld,
  type Person,
  seedAuction,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import { connect, kind, tell, until } from "./support.ts";

let world: TestWorld;
let api: TestApi;
let person: Person;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
  person = await api.person();
});
afterAll(() => world.close());

const seed = (): Promise<string> => seedAuction(world.db, { host: person.wallet.address });

test("one connection has one socket, however many handshakes come over it at once", async () => {
  const wire = new WebSocket(
    `${api.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`,
  );
  const HANDSHAKES = 30;
  let letIn = 0;
  const outcome = await new Promise<string>((resolve) => {
    wire.addEventListener("close", () => resolve("closed"));
    wire.addEventListener("message", (event) => {
      const data = String(event.data);
      // engine.io: opened; socket.io: connected.
      if (data.startsWith("0"))
        for (let n = 0; n < HANDSHAKES; n += 1)
          wire.send(`40${JSON.stringify({ token: person.token })}`);
      if (data.startsWith("40")) letIn += 1;
      if (letIn === HANDSHAKES) resolve("every one was let in");
    });
  });
  wire.close();
  expect(outcome).toBe("closed");
  await until(() => api.io.sockets.sockets.size === 0);
  // Its user is not shut out by what was tried.
  const { socket } = await connect(api, { token: person.token });
  socket.disconnect();
});

test("asking for many auctions at once leads to no more than the cap", async () => {
  const { socket } = await connect(api, { token: person.token });
  const ids: string[] = [];
  for (let n = 0; n < 60; n += 1) ids.push(await seed());
  const answers: { ok: boolean; code?: string }[] = await Promise.all(
    ids.map((id) => socket.emitWithAck("join-auction", id)),
  );
  expect(answers.filter((one) => one.ok)).toHaveLength(50);
  expect(new Set(answers.flatMap((one) => one.code ?? []))).toEqual(new Set(["too_many_auctions"]));
  socket.disconnect();
});

test.each<[what: string, event: string, sent: unknown[], code: string]>([
  ["no argument", "join-auction", [], "auction_id_invalid"],
  ["one too many", "join-auction", ["1", "2"], "arguments_invalid"],
  ["one that is no id", "leave-auction", [{ id: "1" }], "auction_id_invalid"],
  ["null", "leave-auction", [null], "auction_id_invalid"],
  ["an event that nobody knows", "join-auctions", ["1"], "event_unknown"],
  ["an event named like a property of every object", "constructor", [], "event_unknown"],
])("whoever asks for an acknowledgement gets one: %s", async (_what, event, sent, code) => {
  const { socket } = await connect(api, { token: person.token });
  expect(await socket.emitWithAck(event, ...sent)).toMatchObject({ ok: false, code });
  socket.disconnect();
});

test("what is asked last holds: an auction that is left at once is not followed", async () => {
  const id = await seed();
  const type = kind();
  const { socket, got } = await connect(api, { token: person.token }, [type]);
  await Promise.all(
    ["join-auction", "leave-auction"].map((request) => socket.emitWithAck(request, id)),
  );
  await tell(world.db, type, [`auction:${id}`], { n: 1 });
  await tell(world.db, type, ["public"], { n: 2 });
  await until(() => got.some((event) => event.data["n"] === 2));
  expect(got.map((event) => event.data["n"])).toEqual([2]);
  socket.disconnect();
});

test("an auction that a reorganisation has taken back while its follower was away is heard of when it is there again", async () => {
  const id = String(10_000_000 + Math.floor(Math.random() * 1_000_000));
  const type = kind();
  const { socket, got, ready } = await connect(api, { token: person.token, auctions: [id] }, [
    type,
  ]);
  // For the moment there is none.
  expect(ready.data["auctions"]).toEqual([]);
  await tell(world.db, type, [`auction:${id}`], { n: 1 });
  await tell(world.db, type, ["public"], { n: 2 });
  await until(() => got.some((event) => event.data["n"] === 2));
  expect(got.map((event) => event.data["n"])).toEqual([1, 2]);
  socket.disconnect();
});
