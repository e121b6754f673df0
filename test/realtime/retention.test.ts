// Events go after a while, from the oldest on; nobody takes what is left for everything.
import { pruneEvents, recordEvents } from "../../src/db/events.ts";
import { planDeliveries } from "../../src/db/webhook-deliveries.ts";
import { prunedThrough } from "../../src/db/feed.ts";
import { createTestWorld, type TestApi, type TestWorld } from "../support/api.ts";
import { connect, kind, tell, until } from "./support.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

/** Makes every event as old as that: its id tells when it was written. */
const age = (days: number) =>
  world.db.query(
    "UPDATE events SET id = uuidv7($1::int * interval '-1 day') WHERE uuid_extract_timestamp(id) > now() - interval '1 hour'",
    [days],
  );

/** No event goes before webhooks have it: what a node of the API does beside is done here, whoever comes first. */
async function planned(): Promise<void> {
  const isDone = async (): Promise<boolean> => {
    const left = await world.db.query(
      "SELECT FROM events WHERE seq > (SELECT last_seq FROM webhook_progress) LIMIT 1",
    );
    return left.length === 0;
  };
  while (!(await isDone())) await world.db.transaction(planDeliveries);
}

/** The number of the newest event, once the node has come as far. */
async function position(token: string): Promise<number> {
  for (;;) {
    const [row] = await world.db.query<{ seq: number }>(
      "SELECT last_seq AS seq FROM event_sequence",
    );
    const { ready, socket } = await connect(api, { token });
    socket.disconnect();
    if (ready.seq === row?.seq) return ready.seq;
  }
}

test("what is too old goes and the rest stays; who was away longer is told to read anew, over the socket and over HTTP", async () => {
  const person = await api.person();
  const type = kind();
  const from = await position(person.token);
  for (const n of [1, 2, 3]) await tell(world.db, type, ["public"], { n });
  await age(31);
  for (const n of [4, 5]) await tell(world.db, type, ["public"], { n });
  await age(29);
  await planned();
  expect(await pruneEvents(world.db, 30)).toBeGreaterThanOrEqual(3);
  expect(await prunedThrough(world.db)).toBe(from + 3);

  expect(await position(person.token)).toBe(from + 5);
  const late = await connect(api, { token: person.token, lastSeq: from + 2 }, [
    type,
    "resync-required",
  ]);
  expect(late.got.map((event) => event.type)).toEqual(["resync-required"]);
  expect(late.ready.seq).toBe(from + 5);
  const late410 = await api.request(`/api/events?after=${from + 2}`, { token: person.token });
  expect([late410.status, late410.body.code]).toEqual([410, "events_pruned"]);

  // Somebody who has seen the last of those that went misses nothing.
  const inTime = await connect(api, { token: person.token, lastSeq: from + 3 }, [
    type,
    "resync-required",
  ]);
  expect(inTime.got.map((event) => event.data["n"])).toEqual([4, 5]);
  for (const query of [`after=${from + 3}`, ""]) {
    const { status, body } = await api.request(`/api/events?${query}`, { token: person.token });
    expect(status).toBe(200);
    expect(body.data.map((event: { data: object }) => event.data)).toEqual([{ n: 4 }, { n: 5 }]);
  }
});

test("when all are gone the numbers go on where they were, and a cause that is gone is not told again", async () => {
  const person = await api.person();
  const type = kind();
  const event = { type, audience: ["public"], data: { n: 1 }, cause: `${type}:once` };
  await world.db.transaction((tx) => recordEvents(tx, [event]));
  const last = await position(person.token);
  await world.db.query("UPDATE events SET id = uuidv7(interval '-40 days')");
  await planned();
  await pruneEvents(world.db, 30);
  expect(await world.db.query("SELECT FROM events")).toEqual([]);
  expect(await prunedThrough(world.db)).toBe(last);

  const { got, socket } = await connect(api, { token: person.token, lastSeq: last }, [
    type,
    "resync-required",
  ]);
  await world.db.transaction((tx) =>
    recordEvents(tx, [event, { ...event, cause: `${type}:twice`, data: { n: 2 } }]),
  );
  await until(() => got.length === 1);
  expect(got.map(({ seq, data }) => ({ seq, data }))).toEqual([{ seq: last + 1, data: { n: 2 } }]);
  expect(socket.connected).toBe(true);
});

test("an old event behind a young one stays: what is left has no hole", async () => {
  await planned();
  await pruneEvents(world.db, 1);
  const type = kind();
  await tell(world.db, type, ["public"]);
  await tell(world.db, type, ["public"]);
  await world.db.query(
    "UPDATE events SET id = uuidv7(interval '-40 days') WHERE seq = (SELECT max(seq) FROM events)",
  );
  const count = async () => (await world.db.query("SELECT FROM events")).length;
  const all = await count();
  expect(await pruneEvents(world.db, 30)).toBe(0);
  expect(await count()).toBe(all);
});
