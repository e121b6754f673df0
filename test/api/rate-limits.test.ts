import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createRateLimits } from "../../src/api/limits/rate-limits.ts";
import { createTestWorld, testConfig, type TestApi, type TestWorld } from "../support/api.ts";
import { testLogger } from "../support/logs.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});
afterAll(() => world.close());

const start = (rateLimits: string, more: Record<string, string> = {}): Promise<TestApi> =>
  world.start({ config: testConfig({ RATE_LIMITS: rateLimits, ...more }) });

const get = (api: TestApi, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${api.url}${path}`, { headers });

test("a caller who has used up a quota is told when to come back, and only of that kind", async () => {
  const api = await start("read:3,write:2,auth:1,integration:9,refused:9");
  for (const left of [2, 1, 0]) {
    const answer = await get(api, "/api/meta");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("ratelimit-policy")).toBe('"read";q=3;w=60');
    expect(answer.headers.get("ratelimit")).toMatch(new RegExp(`^"read";r=${left};t=\\d+$`));
  }
  const refusal = await get(api, "/api/meta");
  expect(refusal.status).toBe(429);
  const waitS = Number(refusal.headers.get("retry-after"));
  expect(waitS).toBeGreaterThan(0);
  expect(refusal.headers.get("ratelimit-policy")).toBe('"read";q=3;w=60');
  expect(refusal.headers.get("ratelimit")).toBe(`"read";r=0;t=${waitS}`);
  expect(await refusal.json()).toMatchObject({ code: "quota_exceeded", status: 429 });

  // A user has a quota of their own, wherever they come from, and supervisors are never turned away.
  const user = await api.person();
  const authorization = `Bearer ${user.token}`;
  expect((await get(api, "/api/auth/verify", { authorization })).status).toBe(200);
  for (let count = 0; count < 5; count += 1) expect((await get(api, "/healthz")).status).toBe(200);
  // A command takes from another quota than reading.
  const logOut = await fetch(`${api.url}/api/auth/logout`, {
    method: "POST",
    headers: { authorization },
  });
  expect(logOut.headers.get("ratelimit-policy")).toBe('"write";q=2;w=60');
});

test("tokens that open nothing have a quota, and a right one passes all the same", async () => {
  const api = await start("read:99,write:99,auth:99,integration:99,refused:2");
  const statuses = [];
  for (let count = 0; count < 4; count += 1)
    statuses.push(
      (await get(api, "/api/auth/verify", { authorization: "Bearer no.such.token" })).status,
    );
  expect(statuses).toEqual([401, 401, 429, 429]);
  const user = await api.person();
  expect(
    (await get(api, "/api/auth/verify", { authorization: `Bearer ${user.token}` })).status,
  ).toBe(200);
});

test("behind a proxy the address it names counts, and nobody else's word", async () => {
  const api = await start("read:1,write:1,auth:1,integration:1,refused:1", {
    TRUSTED_PROXIES: "1",
  });
  const from = async (forwarded: string): Promise<number> =>
    (await get(api, "/api/meta", { "x-forwarded-for": forwarded })).status;
  expect(await from("198.51.100.7")).toBe(200);
  expect(await from("203.0.113.9, 198.51.100.7")).toBe(429);
  expect(await from("198.51.100.8")).toBe(200);

  const direct = await start("read:1,write:1,auth:1,integration:1,refused:1");
  expect((await get(direct, "/api/meta", { "x-forwarded-for": "198.51.100.7" })).status).toBe(200);
  expect((await get(direct, "/api/meta", { "x-forwarded-for": "198.51.100.8" })).status).toBe(429);
});

test("a hundred requests at once take exactly what there is", async () => {
  const limits = createRateLimits({
    quotas: { read: 40, write: 1, auth: 1, integration: 1, refused: 1 },
    logger: testLogger(),
  });
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, () => limits.take("read", "somebody")),
  );
  expect(results.filter((one) => one.status === "fulfilled")).toHaveLength(40);
  await limits.close();
});
