// Idempotency-Key after draft-ietf-httpapi-idempotency-key-header, on two nodes over one database.
import { randomUUID } from "node:crypto";
import type { MeetingState } from "../../src/domain/process.ts";
import { forgetExpired } from "../../src/db/credentials.ts";
import {
  createTestWorld,
  type Person,
  seedSold,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";
import type { Client } from "@temporalio/client";

let world: TestWorld;
let nodes: [TestApi, TestApi];
let host: Person;
let meetingId: string;

/** The work behind a command, held up by the tests. */
const work = {
  run: async (): Promise<MeetingState> => state(1),
  ids: [] as string[],
};

const state = (endsAtMs: number): MeetingState => ({
  phase: "open",
  endsAtMs,
  outcome: null,
  settled: false,
  problem: null,
});

const temporal = {
  withDeadline: (_deadline: number, call: () => Promise<unknown>) => call(),
  workflow: {
    getHandle: () => ({
      startUpdate: async (_update: object, { updateId }: { updateId: string }) => {
        work.ids.push(updateId);
        const result = await work.run();
        return { result: async () => result };
      },
    }),
  },
} as unknown as Client;

beforeAll(async () => {
  world = await createTestWorld();
  nodes = [await world.start({ temporal }), await world.start({ temporal })];
  const winner = await nodes[0].person();
  host = await nodes[0].person();
  ({ meetingId } = await seedSold(nodes[0], host, winner));
});
afterAll(() => world.close());
beforeEach(() => {
  work.ids = [];
  work.run = async () => state(Date.UTC(2090, 0, 1));
});

const extend = (node: TestApi, key: string, minutes = 5) =>
  node.request(`/api/meetings/${meetingId}/extend`, {
    token: host.token,
    json: { minutes },
    headers: { "idempotency-key": key },
  });

/** Work that begins and does not end before it is told to. */
function held() {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<MeetingState>();
  work.run = () => {
    begun.resolve();
    return end.promise;
  };
  return { begun: begun.promise, end: end.resolve, fail: end.reject };
}

test("a repeat while the first is at work is 409 with Retry-After, on every node; after it, the same answer", async () => {
  const key = randomUUID();
  const { begun, end } = held();
  const first = extend(nodes[0], key);
  await begun;
  for (const node of nodes) {
    const early = await extend(node, key);
    expect([early.status, early.body.code, early.headers.get("retry-after")]).toEqual([
      409,
      "idempotency_key_in_flight",
      "1",
    ]);
  }
  end(state(Date.UTC(2091, 0, 1)));
  const answer = await first;
  expect(answer.status).toBe(200);
  for (const node of nodes) {
    const repeat = await extend(node, key);
    expect([repeat.status, repeat.text]).toEqual([200, answer.text]);
  }
  expect(work.ids).toHaveLength(1);
});

test("the same key with another body or another command is 422, while the first is at work too", async () => {
  const key = randomUUID();
  const { begun, end } = held();
  const first = extend(nodes[0], key);
  await begun;
  expect((await extend(nodes[1], key, 6)).body).toMatchObject({
    status: 422,
    code: "idempotency_key_reused",
  });
  end(state(1));
  await first;
  const close = await nodes[1].request(`/api/meetings/${meetingId}/close`, {
    method: "POST",
    token: host.token,
    headers: { "idempotency-key": key },
  });
  expect(close.body).toMatchObject({ status: 422, code: "idempotency_key_reused" });
  expect(work.ids).toHaveLength(1);
});

test("status, body and Location of the first are given again", async () => {
  const close = (node: TestApi) =>
    node.request(`/api/meetings/${meetingId}/close`, {
      method: "POST",
      token: host.token,
      headers: { "idempotency-key": "the-close" },
    });
  const first = await close(nodes[0]);
  work.run = async () => Promise.reject(new Error("not to be asked again"));
  const repeat = await close(nodes[1]);
  const view = (one: typeof first) => [one.status, one.text, one.headers.get("location")];
  expect(view(repeat)).toEqual(view(first));
  expect(view(first)).toEqual([202, expect.any(String), `/api/meetings/${meetingId}/settlement`]);
});

test("what failed is not kept: a repeat does the work, under the same update id", async () => {
  const key = randomUUID();
  work.run = async () => Promise.reject(new Error("the connection was cut"));
  expect((await extend(nodes[0], key)).status).toBe(503);
  work.run = async () => state(2);
  expect((await extend(nodes[1], key)).status).toBe(200);
  expect(work.ids).toHaveLength(2);
  expect(new Set(work.ids).size).toBe(1);
});

test("the claim of a node that died runs out, and its late answer does not replace the later one", async () => {
  const key = randomUUID();
  const { begun, end } = held();
  const dying = extend(nodes[0], key);
  await begun;
  // As if half a minute had passed.
  await world.db.query("UPDATE idempotency_keys SET claimed_until = now() - interval '1 second'");
  work.run = async () => state(Date.UTC(2092, 0, 1));
  const taken = await extend(nodes[1], key);
  expect(taken.status).toBe(200);
  end(state(Date.UTC(2093, 0, 1)));
  await dying;
  expect((await extend(nodes[0], key)).text).toBe(taken.text);
});

test("of 50 at once on two nodes one does the work; each is told its answer or to wait", async () => {
  const key = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => extend(nodes[index % 2] ?? nodes[0], key)),
  );
  const codes = new Set(answers.map((one) => `${one.status} ${one.body.code ?? "done"}`));
  expect([...codes].filter((one) => one !== "200 done")).toEqual(
    codes.has("409 idempotency_key_in_flight") ? ["409 idempotency_key_in_flight"] : [],
  );
  expect(answers.some((one) => one.status === 200)).toBe(true);
  expect(work.ids).toHaveLength(1);
});

test("a key is one person's; one that is malformed is 422; a day later it is forgotten", async () => {
  const other = await nodes[0].person();
  const sold = await seedSold(nodes[0], other, host);
  const key = randomUUID();
  await extend(nodes[0], key);
  const theirs = await nodes[0].request(`/api/meetings/${sold.meetingId}/extend`, {
    token: other.token,
    json: { minutes: 7 },
    headers: { "idempotency-key": key },
  });
  expect(theirs.status).toBe(200);
  for (const bad of ["", "two words", "x".repeat(256)])
    expect((await extend(nodes[0], bad)).body.errors[0]).toMatchObject({
      pointer: "/headers/idempotency-key",
    });
  await world.db.query("UPDATE idempotency_keys SET created_at = now() - interval '23 hours'");
  expect(await forgetExpired(world.db)).toBe(0);
  await world.db.query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
  expect(await forgetExpired(world.db)).toBeGreaterThan(0);
  expect((await extend(nodes[0], key, 9)).status).toBe(200);
});
