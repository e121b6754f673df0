// How long the client goes on: over nodes that die in the middle of a command, and connections that break.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { announceAuction, createApi, once } from "../../client/src/index.ts";
import { fingerprintOf } from "../../src/api/idempotency.ts";
import { claimKey } from "../../src/db/idempotency.ts";
import { createTestWorld, seedAuction, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let server: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  server = await world.start();
});
afterAll(() => world.close());

test("a command whose node was killed in the middle of it is repeated until another node may take it over", async () => {
  const { token, account } = await server.person();
  const body = { transactionHash: `0x${"5e".repeat(32)}`, title: "A title", description: "" };
  let inFlight = 0;
  let tries = 0;
  const api = createApi({
    url: server.url,
    token,
    fetch: async (request) => {
      tries += 1;
      if (tries === 1) {
        // The node claims the key, and is no more.
        const key = request.headers.get("idempotency-key") ?? "";
        const input = { params: undefined, query: {}, body };
        const fingerprint = fingerprintOf("recordCreatedAuction", input);
        await claimKey(world.db, { userId: account.id, key, fingerprint });
        throw new TypeError("the connection broke");
      }
      const answer = await fetch(request);
      if (answer.status === 409) inFlight += 1;
      // What half a minute does.
      if (inFlight === 10)
        await world.db.query("UPDATE idempotency_keys SET claimed_until = '-infinity'");
      return answer;
    },
  });
  const { data } = await once((header) =>
    api.POST("/api/auctions/created", { body, params: { header } }),
  );
  expect([data.status, inFlight]).toEqual(["unknown", 10]);
});

test("what goes on behind a Location is followed over broken connections and nodes that are away", async () => {
  const host = await server.person();
  const hash = `0x${"6f".repeat(32)}`;
  let asked = 0;
  const api = createApi({
    url: server.url,
    token: host.token,
    fetch: async (request) => {
      if (!request.url.includes("/transactions/")) return fetch(request);
      asked += 1;
      if (asked === 1) throw new TypeError("the connection broke");
      // What a balancer says while no node is there.
      if (asked === 2) return new Response("no node", { status: 502 });
      return fetch(request);
    },
  });
  const announced = announceAuction(api, { transactionHash: hash, title: "T", description: "" });
  const auctionId = await seedAuction(world.db, { host: host.wallet.address });
  while (asked < 2) {
    await Promise.race([announced, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  server.reader.creations.set(hash, {
    status: "created",
    auctions: [{ auctionId, host: host.wallet.address.toLowerCase() }],
    blockNumber: 99,
    confirmations: 1_000,
  });
  expect(await announced).toBe(auctionId);
});

test("that no answer can be read is said at once, and what it may be", async () => {
  const said = jest.spyOn(console, "warn").mockImplementation(() => undefined);
  let tries = 0;
  const api = createApi({
    url: server.url,
    fetch: async (request) => {
      tries += 1;
      // What a browser says of an origin that is refused, too.
      if (tries <= 2) throw new TypeError("Failed to fetch");
      return fetch(request);
    },
  });
  await once(() => api.GET("/api/meta"));
  expect(said.mock.calls).toEqual([[expect.stringMatching(/Failed to fetch.*CORS.*FRONTEND_URL/)]]);
  said.mockClear();
  const heard: [string, number][] = [];
  tries = 0;
  await once(() => api.GET("/api/meta"), {
    onNoAnswer: ({ message }, count) => heard.push([message, count]),
  });
  expect(heard).toEqual([
    ["Failed to fetch", 1],
    ["Failed to fetch", 2],
  ]);
  expect(said).not.toHaveBeenCalled();
  said.mockRestore();
});
