// Requests that are made to break something, and what an answer to a stranger must not tell.
import { jest } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Readable } from "node:stream";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { inflated } from "../../src/api/inflate.ts";
import { createChainReader } from "../../src/chain/reader.ts";
import { JsonRpc } from "../../src/chain/rpc.ts";
import {
  AUCTION_CONTRACT,
  CHAIN_ID,
  createTestWorld,
  JITSI_SECRET,
  ORIGIN,
  PASS_CONTRACT,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

const production = () =>
  testConfig({ NODE_ENV: "production", DATABASE_URL: "postgres://x/x?sslmode=disable" });

test("a body that is nested more deeply than the stack reaches is refused like any other that is wrong", async () => {
  const DEPTH = 30_000;
  const deep = "[".repeat(DEPTH) + "]".repeat(DEPTH);
  const asked = {
    raw: `{"verificationToken":${deep}}`,
    headers: { "content-type": "application/json" },
  };
  const answer = await api.request("/api/auth/para-auth", asked);
  expect([answer.status, answer.body.code]).toEqual([422, "input_invalid"]);
  const event = await api.request("/api/integrations/jitsi/events", {
    raw: `{"eventType":"OTHER","timestamp":1,"fqn":"a/b","data":{"x":${deep}}}`,
    headers: { "content-type": "application/json" },
    token: JITSI_SECRET,
  });
  expect([event.status, event.body]).toEqual([200, { recorded: false }]);
});

test.each([
  ["with a field of its own for every other byte", `?${"a&".repeat(7_900)}`, 414, "query_too_long"],
  ["with sixty-five fields", `?${"a=1&".repeat(65)}`, 400, "query_malformed"],
])(
  "a query %s is refused, and never read by Koa, which takes seconds",
  async (_what, query, status, code) => {
    const all = jest.spyOn(URLSearchParams.prototype, "getAll");
    try {
      for (const path of ["/healthz", "/api/auctions/active", "/no/such/path"]) {
        const answer = await api.request(`${path}${query}`);
        expect([path, answer.status, answer.body.code]).toEqual([path, status, code]);
      }
      // Those of our own requests have no search parameters.
      expect(all).not.toHaveBeenCalled();
    } finally {
      all.mockRestore();
    }
  },
);

const compressed: Readonly<Record<string, (text: string) => Buffer>> = {
  gzip: (text) => gzipSync(text),
  deflate: (text) => deflateSync(text),
  br: (text) => brotliCompressSync(text),
};

test.each(Object.keys(compressed))(
  "a %s body that is too long and damaged is refused, and ends nothing",
  async (encoding) => {
    const headers = { "content-type": "application/json", "content-encoding": encoding };
    const post = async (length: number, at: number): Promise<number> => {
      const bytes =
        compressed[encoding]?.(JSON.stringify({ verificationToken: "a".repeat(length) })) ??
        Buffer.alloc(0);
      const index = bytes.length - at;
      if (at > 0 && index >= 0) bytes.writeUInt8(bytes.readUInt8(index) ^ 0xff, index);
      return (await api.request("/api/auth/para-auth", { raw: bytes as never, headers })).status;
    };
    // Around the limit, whole, and damaged near its end, where the checksums are.
    for (const length of [60_000, 66_000, 90_000, 1_000_000])
      for (const at of [0, 1, 3, 6, 9]) expect([400, 413, 422]).toContain(await post(length, at));
    expect(await post(90_000, 0)).toBe(413);
    // Long as it came, too.
    const noise = compressed[encoding]?.(randomBytes(80_000).toString("base64"));
    const long = await api.request("/api/auth/para-auth", { raw: noise as never, headers });
    expect(long.status).toBe(413);
    expect((await api.request("/healthz")).status).toBe(200);
  },
);

test.each(Object.keys(compressed))(
  "no more of a %s bomb is inflated than is allowed",
  async (encoding) => {
    const bomb = compressed[encoding]?.("a".repeat(1_000_000)) ?? Buffer.alloc(0);
    const request = Object.assign(Readable.from([bomb]), {
      headers: { "content-encoding": encoding },
    });
    await expect(inflated(request as unknown as IncomingMessage, 64_000)).rejects.toMatchObject({
      code: "body_too_large",
    });
  },
);

test("a page can read why its query was refused", async () => {
  const headers = { origin: ORIGIN };
  const answer = await api.request(`/healthz?${"a".repeat(5_000)}`, { headers });
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([414, ORIGIN]);
});

test.each(Object.keys(compressed))("a damaged %s body is the sender's fault", async (encoding) => {
  const whole = compressed[encoding]?.(JSON.stringify({ verificationToken: "a".repeat(2_000) }));
  if (whole === undefined) throw new Error("no such encoding");
  const flipped = Buffer.from(whole);
  // The checksum of gzip and deflate; brotli has none, and its first bytes say how to read the others.
  const at = encoding === "br" ? 0 : flipped.length - 3;
  flipped.writeUInt8(flipped.readUInt8(at) ^ 0xff, at);
  const damaged = {
    "cut off": whole.subarray(0, Math.floor(whole.length / 2)),
    changed: flipped,
    "no such thing": Buffer.from("this was never compressed"),
    empty: Buffer.from(" "),
  };
  for (const [how, bytes] of Object.entries(damaged)) {
    const answer = await api.request("/api/auth/para-auth", {
      raw: bytes as never,
      headers: { "content-type": "application/json", "content-encoding": encoding },
    });
    expect([how, answer.status, answer.body.code]).toEqual([how, 400, "body_malformed"]);
  }
});

test("a query at its limits is read", async () => {
  const query = Array.from({ length: 64 }, (_, index) => `a${index}=${"x".repeat(55)}`).join("&");
  expect((await api.request(`/healthz?${query}`)).body.code).toBe("input_invalid");
  const twice = await api.request("/api/auctions/active?limit=1&limit=2");
  expect(twice.status).toBe(422);
});

test("a NUL is found wherever it is", async () => {
  const answer = await api.request("/api/auth/para-auth", {
    json: { verificationToken: "a", more: [{ "a/b": ["x", "\0"] }] },
  });
  expect(answer.body.errors).toMatchObject([{ pointer: "/more/0/a~1b/1", code: "nul_character" }]);
});

test("in production trouble with what is behind us is told by its name, and by no host or word of theirs", async () => {
  const node = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const error = { code: -32_005, message: "plan of customer hunter2 exceeded" };
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, error }));
  });
  await new Promise<void>((resolve) => node.listen(0, "127.0.0.1", resolve));
  const { port } = node.address() as AddressInfo;
  const closed = "http://node-of-hunter3.localhost:1";
  for (const endpoint of [`http://127.0.0.1:${port}`, closed]) {
    const rpc = new JsonRpc({ endpoints: [endpoint] });
    const place = { auctionContract: AUCTION_CONTRACT, passContract: PASS_CONTRACT };
    const reader = createChainReader({ rpc, chainId: CHAIN_ID, ...place });
    const behind = await world.start({ config: production(), reader });
    const { token } = await behind.person();
    const answer = await behind.request(`/api/auctions/transactions/0x${"ab".repeat(32)}`, {
      token,
    });
    expect(answer.body).toMatchObject({ status: 503, code: "rpc_unavailable" });
    expect(answer.text).not.toMatch(/hunter|eth_|127\.0\.0\.1/);
    expect(answer.headers.get("retry-after")).toBe("5");
  }
  node.close();
});

test("in production readiness names the part that is away and nothing of it", async () => {
  const detail = "connect ECONNREFUSED 10.0.0.5:5432, user hunter2";
  const health = async () => ({
    ready: false,
    checks: { database: { ok: false, detail }, temporal: { ok: true } },
  });
  const answer = await (await world.start({ config: production(), health })).request("/readyz");
  expect(answer.status).toBe(503);
  expect(answer.body).toEqual({
    ready: false,
    checks: { database: { ok: false }, temporal: { ok: true } },
  });
});

test("announcing auctions that never come fills no table: the newest hundred of a user are kept", async () => {
  const person = await api.person();
  const hashOf = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;
  for (let n = 0; n < 130; n += 1) {
    const json = { transactionHash: hashOf(n), title: "T", description: "" };
    const { status } = await api.request("/api/auctions/created", { token: person.token, json });
    expect(status).toBe(202);
  }
  const kept = await world.db.query<{ hash: string }>(
    `SELECT transaction_hash AS hash FROM announced_auctions WHERE user_id = $1`,
    [person.account.id],
  );
  expect(kept.map((one) => Number(one.hash)).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 100 }, (_, n) => n + 30),
  );
});

/** Sends a head as it stands and returns the whole answer. */
function speak(head: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () =>
      socket.write(`${[...head, "Host: x"].join("\r\n")}\r\n\r\n`),
    );
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    socket.on("end", () => (socket.end(), resolve(heard)));
    socket.on("error", reject);
  });
}

test.each(["http://[/", "http://a%00b/api/meta", "http://x:99999/"])(
  "a target that is no URL is 400: %s",
  async (target) => {
    const answer = await speak([`GET ${target} HTTP/1.1`, "Connection: close"]);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"request_malformed"');
  },
);

test("a target that is a whole URL is taken by its path, as HTTP wants it", async () => {
  const answer = await speak([
    "GET http://elsewhere.example/healthz HTTP/1.1",
    "Connection: close",
  ]);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test("who offers another protocol on the way, as Java's client and curl do, is answered in this one", async () => {
  for (const protocol of ["h2c", "websocket"]) {
    const answer = await speak([
      "GET /healthz HTTP/1.1",
      "Connection: Upgrade, HTTP2-Settings, close",
      `Upgrade: ${protocol}`,
      "HTTP2-Settings: AAMAAABkAAQAAP__",
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  }
});
