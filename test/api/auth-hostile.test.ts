// Logging in while Para answers anything at all: the real client and SDK, over HTTP. Whatever comes back, nobody is let in who
// was not vouched for, nothing breaks, and the person is told to try again, never that they are logged out.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { fc, runs } from "../support/random.ts";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { createParaClient } from "../../src/para/index.ts";
import { type Answer, createTestWorld, type TestApi, type TestWorld } from "../support/api.ts";
import { signIn, type SignedIn, startParaSandbox } from "../support/sandboxes.ts";

interface Hostile {
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

let world: TestWorld;
let para: ParaSandbox;
let server: Server;
let api: TestApi;
/** What one path of Para answers instead of the truth; the others answer as the sandbox does. */
let hostile: Hostile | undefined;

beforeAll(async () => {
  [world, para] = await Promise.all([createTestWorld(), startParaSandbox()]);
  server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://x").pathname;
    if (hostile?.path === path) {
      request.resume();
      response.writeHead(hostile.status, hostile.headers).end(hostile.bytes);
      return;
    }
    void forward(request.url ?? "", request).then(
      ({ status, headers, text }) => response.writeHead(status, headers).end(text),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  api = await world.start({
    para: {
      verifyToken: (token) => freshClient(apiUrl).verifyToken(token),
      // A fresh one each time: keys that were read once are kept.
      importSession: (session) => freshClient(apiUrl).importSession(session),
    },
  });
});
afterEach(() => {
  hostile = undefined;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await para.stop();
  await world.close();
});

const freshClient = (apiUrl: string) =>
  createParaClient({ ...para.config, apiUrl, timeoutMs: 180_000 });

async function forward(path: string, request: AsyncIterable<Uint8Array> & IncomingLike) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const headers: Record<string, string> = {};
  for (const name of ["content-type", "x-external-api-key", "x-capsule-sid"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  const { method = "GET" } = request;
  const answer = await fetch(`${para.url}${path}`, {
    method,
    headers,
    ...(method === "GET" ? {} : { body }),
  });
  const sid = answer.headers.get("x-capsule-sid");
  return {
    status: answer.status,
    headers: {
      "content-type": "application/json",
      ...(sid === null ? {} : { "x-capsule-sid": sid }),
    },
    text: await answer.text(),
  };
}

interface IncomingLike {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const usersNow = async (): Promise<number> =>
  (await world.db.query<{ n: number }>("SELECT count(*)::int AS n FROM users"))[0]?.n ?? 0;

/** That Para's trouble is told as such: try again, and nothing about having to log in. */
function isTrouble(answer: Answer): boolean {
  return (
    answer.status === 503 &&
    answer.body.code === "para_unavailable" &&
    Number(answer.headers.get("retry-after")) > 0 &&
    answer.headers.get("www-authenticate") === null
  );
}

const byToken = () =>
  api.request("/api/auth/para-auth", { json: { verificationToken: crypto.randomUUID() } });
const bySession = (person: SignedIn) =>
  api.request("/api/auth/para-session", { json: { session: person.session } });

const status = fc.constantFrom(
  200,
  200,
  200,
  201,
  204,
  301,
  307,
  400,
  401,
  402,
  404,
  418,
  429,
  500,
  502,
  503,
  599,
);
/** Bodies of every kind: JSON of random shape, JSON that is almost right, and no JSON at all. */
const almost = fc.record(
  {
    authType: fc.oneof(fc.constantFrom("email", "phone", "oauth", "__proto__"), fc.jsonValue()),
    identifier: fc.oneof(
      fc.constantFrom("a\u0000b@x.org", "\ud800@x.org", "a\u001b[0m@x.org", "", " ", "a@b@c"),
      fc.jsonValue(),
    ),
    oAuthMethod: fc.jsonValue(),
    isAuthenticated: fc.oneof(fc.boolean(), fc.jsonValue()),
    partnerId: fc.jsonValue(),
    partner: fc.jsonValue(),
    supportedWalletTypes: fc.jsonValue(),
    currentWalletIds: fc.jsonValue(),
    token: fc.oneof(fc.string(), fc.constant("a.b.c"), fc.jsonValue()),
    keys: fc.oneof(
      fc.jsonValue(),
      fc.array(fc.record({ kty: fc.string(), kid: fc.constant("sandbox-1") })),
    ),
  },
  { requiredKeys: [] },
);
const bytes = fc.oneof(
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
  almost.map((value) => Buffer.from(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 64 }),
  fc.constantFrom(
    Buffer.from(""),
    Buffer.from("null"),
    Buffer.from('{"__proto__":{"isAuthenticated":true}}'),
    Buffer.from("[".repeat(100_000)),
    Buffer.from(`{"identifier":${"9".repeat(100_000)}}`),
    Buffer.from("<html>down for maintenance</html>"),
  ),
);
const headers = fc.constantFrom(
  { "content-type": "application/json" },
  { "content-type": "text/html" },
  { "content-type": "application/json", "x-capsule-sid": "of-somebody-else" },
  { "content-type": "application/json", "content-encoding": "gzip" },
  { "content-type": "application/json", location: "http://127.0.0.1:1/" },
);

test("a login by token", async () => {
  await fc.assert(
    fc.asyncProperty(status, headers, bytes, async (code, head, body) => {
      hostile = { path: "/sessions/verify", status: code, headers: head, bytes: body };
      const before = await usersNow();
      const answer = await byToken();
      if (answer.status === 200) {
        // Only where Para named a person in so many words.
        const said = JSON.parse(Buffer.from(body).toString()) as { identifier?: unknown };
        return typeof said.identifier === "string" && answer.body.user.identifier.length > 0;
      }
      return isTrouble(answer) && (await usersNow()) === before;
    }),
    { numRuns: runs(100) },
  );
});

test.each([
  ["a NUL, which Postgres cannot hold", "a\u0000b@example.org"],
  ["half a character, which becomes another one", "\ud800@example.org"],
  ["an escape sequence", "a\u001b[0m@example.org"],
  ["a line break", "a@example.org\nb@example.org"],
  ["nothing but blanks", "   "],
])("an identifier with %s names nobody", async (_name, identifier) => {
  const before = await usersNow();
  for (const authType of ["email", "telegram", "farcaster", "oauth", "externalWallet", "phone"]) {
    const body = Buffer.from(JSON.stringify({ authType, identifier }));
    const head = { "content-type": "application/json" };
    hostile = { path: "/sessions/verify", status: 200, headers: head, bytes: body };
    expect({ authType, trouble: isTrouble(await byToken()) }).toEqual({ authType, trouble: true });
  }
  expect(await usersNow()).toBe(before);
});

test("a login by session: the truth or nobody", async () => {
  const ada = await signIn(para, "ada@example.org");
  const truth = await bySession(ada);
  expect(truth.status).toBe(200);
  const paths = ["/touch", "/auth/jwt", "/.well-known/jwks.json", "/logout"];
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      status,
      headers,
      bytes,
      async (path, code, head, body) => {
        hostile = { path, status: code, headers: head, bytes: body };
        const before = await usersNow();
        const answer = await bySession(ada);
        if (answer.status === 200) return answer.body.user.id === truth.body.user.id;
        refusals += 1;
        const ended =
          answer.status === 401 && /^para_(session_inactive|jwt_invalid)$/.test(answer.body.code);
        return (ended || isTrouble(answer)) && (await usersNow()) === before;
      },
    ),
    { numRuns: runs(60) },
  );
  expect(refusals).toBeGreaterThan(30);
});

test("answers that grow when they are unpacked, or never end, are let go", async () => {
  const ada = await signIn(para, "ada@example.org");
  const bomb = gzipSync(Buffer.from(`{"token":"${"a".repeat(50_000_000)}"}`));
  for (const path of ["/sessions/verify", "/touch", "/auth/jwt", "/.well-known/jwks.json"]) {
    const head = { "content-type": "application/json", "content-encoding": "gzip" };
    hostile = { path, status: 200, headers: head, bytes: bomb };
    const answer = await (path === "/sessions/verify" ? byToken() : bySession(ada));
    expect({ path, trouble: isTrouble(answer) }).toEqual({ path, trouble: true });
  }
});

test.each([
  ["the Kelvin sign", "\u212aate@example.org"],
  ["a dotless i", "k\u0131te@example.org"],
  ["a long s", "ka\u017fte@example.org"],
  ["a zero-width space", "kate@example.org\u200b"],
  ["a full-width k", "\uff4bate@example.org"],
])(
  "an address with %s is another person than the one with the plain letter",
  async (_name, identifier) => {
    const head = { "content-type": "application/json" };
    const login = async (named: string) => {
      const body = Buffer.from(JSON.stringify({ authType: "email", identifier: named }));
      hostile = { path: "/sessions/verify", status: 200, headers: head, bytes: body };
      const answer = await byToken();
      return answer.status === 200 ? (answer.body.user.id as string) : undefined;
    };
    const ids = [
      await login("kate@example.org"),
      await login("KATE@Example.org"),
      await login("kite@example.org"),
      await login("kaste@example.org"),
    ];
    expect(ids[0]).toBe(ids[1]);
    expect(ids).not.toContain(await login(identifier));
  },
);
