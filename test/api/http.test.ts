import { Writable } from "node:stream";
import { types } from "node:util";
import winston from "winston";
import { z } from "zod";
import { routes } from "../../src/api/routes.ts";
import { openApiText, storedOpenApiText } from "../../src/api/openapi/write.ts";
import { checkRoutes, route, type Route } from "../../src/api/route.ts";
import { createRouter } from "../../src/api/router.ts";
import { ConfigError } from "../../src/config.ts";
import {
  createTestWorld,
  ORIGIN,
  type Person,
  seedAuction,
  testConfig,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
let person: Person;
const lines: string[] = [];
const withErrors = winston.format.printf((info) =>
  JSON.stringify(info, (_key, value: unknown) =>
    types.isNativeError(value) ? value.stack : value,
  ),
);

beforeAll(async () => {
  world = await createTestWorld();
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => (lines.push(chunk.toString()), done()),
  });
  api = await world.start({
    logger: winston.createLogger({
      level: "debug",
      format: withErrors,
      transports: [new winston.transports.Stream({ stream })],
    }),
  });
  person = await api.person();
});
afterAll(() => world.close());

describe("the table of routes", () => {
  test("takes no field named like a prototype", async () => {
    expect((await api.request("/api/auctions/active?__proto__=1")).status).toBe(422);
  });

  test("is in the OpenAPI document, with an id and a policy, and the copy in the tree is up to date", async () => {
    const { body } = await api.request("/api/openapi.json");
    expect(body.openapi).toBe("3.1.1");
    for (const one of routes)
      expect(body.paths[one.path][one.method.toLowerCase()]).toMatchObject({
        operationId: one.operationId,
        security: expect.any(Array),
      });
    // If this fails: node src/api/openapi/write.ts
    expect(storedOpenApiText()).toBe(openApiText());
  });

  test("without a policy, declared twice, or with parameters unchecked keeps the process from starting", () => {
    const good = {
      method: "GET",
      path: "/x",
      operationId: "x",
      tag: "meta",
      summary: "x",
      policy: "anyone",
      responses: { 200: z.undefined() },
      handler: async () => ({ status: 200 as const, body: undefined }),
    } as const;
    const { policy: _policy, ...open } = good;
    expect(() => createRouter([open as unknown as Route], api.deps)).toThrow(
      "GET /x declares no policy",
    );
    expect(() => checkRoutes([route(good), route(good)])).toThrow("declared twice");
    expect(() => checkRoutes([route({ ...good, path: "/x/{id}" })])).toThrow("without a schema");
    expect(() => checkRoutes([route(good)])).not.toThrow();
  });
});

test("an idle connection is kept for longer than proxies keep theirs", async () => {
  expect((await api.request("/healthz")).headers.get("keep-alive")).toBe("timeout=75");
});

describe("errors", () => {
  test("are problem documents that carry the request's id, also where there is no route", async () => {
    const answer = await api.request("/nowhere", { headers: { "x-request-id": "my-request-1" } });
    expect(answer.body).toEqual({
      type: "/docs/problems/route_not_found",
      title: "No such path",
      status: 404,
      detail: expect.any(String),
      code: "route_not_found",
      requestId: "my-request-1",
      errors: [],
    });
    expect(answer.headers.get("x-request-id")).toBe("my-request-1");
    const odd = await api.request("/nowhere", { headers: { "x-request-id": "no spaces allowed" } });
    expect(odd.headers.get("x-request-id")).toMatch(/^[\w-]{36}$/);
  });

  test("of ours tell nothing in production, and are logged with their stack", async () => {
    const config = testConfig({
      NODE_ENV: "production",
      DATABASE_URL: "postgres://x/x?sslmode=disable",
    });
    const broken = await world.start({
      config,
      logger: api.deps.logger,
      health: () => Promise.reject(new Error("the password is hunter2")),
    });
    const answer = await broken.request("/readyz");
    expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
    expect(answer.text).not.toContain("hunter2");
    expect(lines.some((line) => line.includes("hunter2") && line.includes("http.test.ts"))).toBe(
      true,
    );
  });

  test("of a database that is away are 503 with Retry-After, and let nobody in", async () => {
    const { Database } = await import("../../src/db/database.ts");
    const away = new Database({ url: "postgres://127.0.0.1:1/none", applicationName: "away" });
    let failing = false;
    const db = new Proxy(world.db, {
      get: (target, name) =>
        Reflect.get(failing ? away : target, name).bind(failing ? away : target),
    });
    const down = await world.start({ db });
    failing = true;
    const answer = await down.request("/api/auth/verify", { token: person.token });
    expect([answer.status, answer.body.code, answer.headers.get("retry-after")]).toEqual([
      503,
      "database_unavailable",
      "5",
    ]);
    failing = false;
    expect((await down.request("/api/auth/verify", { token: person.token })).status).toBe(200);
    await away.close();
  });

  test("of the configuration are found before anything starts", () => {
    expect(() => testConfig({ JWT_SECRET: "short" })).toThrow(ConfigError);
  });
});

describe("the log", () => {
  test("has one line per request, and no token, body, query value or signature in any", async () => {
    lines.length = 0;
    await api.request("/api/auctions/active?limit=3&cursor=SECRET-CURSOR", {
      token: person.token,
      headers: { "x-request-id": "logged-request" },
    });
    api.para.tokens.set("SECRET-VERIFICATION", {
      authType: "email",
      identifier: "log@example.org",
    });
    const login = await api.request("/api/auth/para-auth", {
      json: { verificationToken: "SECRET-VERIFICATION" },
    });
    const requests = lines
      .map((line) => JSON.parse(line))
      .filter((line) => line.message === "request");
    expect(requests).toHaveLength(2);
    expect(requests[0]).toMatchObject({
      method: "GET",
      path: "/api/auctions/active",
      query: "limit,cursor",
      status: 422,
    });
    const all = lines.join("");
    for (const secret of ["SECRET-CURSOR", "SECRET-VERIFICATION", login.body.token, person.token])
      expect(all).not.toContain(secret);
  });
});

describe("browsers", () => {
  const preflight = (origin: string) =>
    api.request("/api/auctions/created", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });

  test("of our frontend may call, those of others get no CORS header, not even with an error", async () => {
    const ours = await preflight(ORIGIN);
    expect([ours.status, ours.headers.get("access-control-allow-origin")]).toEqual([204, ORIGIN]);
    expect(ours.headers.get("access-control-allow-headers")).toContain("Authorization");
    for (const origin of [
      "https://evil.example",
      "null",
      `${ORIGIN}.evil.example`,
      "http://auctions.meeting-house.dev",
    ]) {
      expect((await preflight(origin)).headers.get("access-control-allow-origin")).toBeNull();
      expect(
        (await api.request("/api/meta", { headers: { origin } })).headers.get(
          "access-control-allow-origin",
        ),
      ).toBeNull();
    }
    const error = await api.request("/nowhere", { headers: { origin: ORIGIN } });
    expect([
      error.status,
      error.headers.get("access-control-allow-origin"),
      error.headers.get("vary"),
    ]).toEqual([404, ORIGIN, "Origin"]);
  });

  test("of a page that is developed on this machine may call, on any port; in production they may not", async () => {
    const production = await world.start({
      config: testConfig({
        NODE_ENV: "production",
        DATABASE_URL: "postgres://x/x?sslmode=disable",
      }),
    });
    const local = ["http://localhost:5174", "http://127.0.0.1:3001", "https://localhost:8443"];
    for (const origin of [...local, "http://localhost.evil.example", "http://127.0.0.1:99999999"]) {
      const allowed = async (at: TestApi): Promise<string | null> =>
        (await at.request("/api/meta", { headers: { origin } })).headers.get(
          "access-control-allow-origin",
        );
      expect([origin, await allowed(api)]).toEqual([
        origin,
        local.includes(origin) ? origin : null,
      ]);
      expect([origin, await allowed(production)]).toEqual([origin, null]);
    }
  });

  test("of another origin are named in the log, once", async () => {
    const origin = "https://new-frontend.example";
    for (let turn = 0; turn < 3; turn += 1) await api.request("/api/meta", { headers: { origin } });
    expect(lines.filter((line) => line.includes(origin))).toEqual([
      expect.stringContaining("add its origin to FRONTEND_URL"),
    ]);
  });

  test("are told not to sniff, frame or keep what is private", async () => {
    const answer = await api.request("/api/auth/verify", { token: person.token });
    expect(
      Object.fromEntries(
        ["x-content-type-options", "x-frame-options", "cache-control", "x-powered-by"].map(
          (name) => [name, answer.headers.get(name)],
        ),
      ),
    ).toEqual({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cache-control": "no-store",
      "x-powered-by": null,
    });
    expect(answer.headers.get("strict-transport-security")).toContain("max-age");
  });

  test("find the documentation, all of it on this server", async () => {
    const page = await api.request("/docs");
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      "text/html; charset=utf-8",
    ]);
    const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(files.length).toBeGreaterThan(3);
    for (const file of files)
      expect([file, file.startsWith("/docs/"), (await api.request(file)).status]).toEqual([
        file,
        true,
        200,
      ]);
    expect(page.headers.get("content-security-policy")).not.toContain("http");
    for (const path of [
      "/docs/../package.json",
      "/docs/package.json",
      "/docs/%2e%2e/package.json",
      "/docs/absolute-path.js",
    ])
      expect((await api.request(path)).status).toBe(404);
  });

  test("may only read the documentation, and need not load it again", async () => {
    for (const path of ["/docs", "/docs/problems", "/api/openapi.json"]) {
      const answer = await api.request(path, { method: "POST" });
      expect([answer.status, answer.body.code]).toEqual([405, "method_not_allowed"]);
      expect(answer.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
      expect((await api.request(path, { method: "OPTIONS" })).status).toBe(204);
    }
    const document = await api.request("/api/openapi.json");
    const headers = { "if-none-match": document.headers.get("etag") ?? "" };
    expect((await api.request("/api/openapi.json", { headers })).status).toBe(304);
  });

  test("and others may ask by HEAD", async () => {
    const id = await seedAuction(world.db, { host: person.wallet.address });
    for (const path of [`/api/auctions/${id}`, "/healthz", "/docs", "/api/openapi.json"]) {
      const answer = await api.request(path, { method: "HEAD" });
      expect([
        path,
        answer.status,
        answer.text,
        Number(answer.headers.get("content-length")) > 0,
      ]).toEqual([path, 200, "", true]);
    }
  });
});

describe("facts and health", () => {
  test("tell the chain, the contracts and the limits", async () => {
    const { body } = await api.request("/api/meta");
    expect(body).toMatchObject({
      chainId: 31_337,
      contracts: { auction: "0x5FbDB2315678afecb367f032d93F642f64180aa3" },
      domain: "auctions.meeting-house.dev",
      auction: { minIncrementBps: 500 },
    });
  });

  test("are alive as long as the process is, and ready when everything else is too", async () => {
    const sick = await world.start({
      health: async () => ({
        ready: false,
        checks: { temporal: { ok: false, detail: "no answer" } },
      }),
    });
    expect((await sick.request("/healthz")).status).toBe(200);
    expect(await sick.request("/readyz")).toMatchObject({
      status: 503,
      body: { ready: false, checks: { temporal: { ok: false } } },
    });
    expect((await api.request("/readyz")).status).toBe(200);
  });
});

describe("closing", () => {
  test("lets a request that is being served finish, and takes no more", async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answer, resolve: let_ } = Promise.withResolvers<void>();
    const closing = await world.start({
      health: async () => {
        ask();
        await answer;
        return { ready: true, checks: {} };
      },
    });
    const served = closing.request("/readyz");
    await asked;
    const closed = closing.close();
    await expect(closing.request("/healthz")).rejects.toThrow();
    let_();
    expect((await served).status).toBe(200);
    await closed;
  });
});

describe("what is no request", () => {
  /** Sends bytes and returns everything that comes back. */
  const speak = async (text: string): Promise<string> => {
    const { connect } = await import("node:net");
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(api.url);
      let heard = "";
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
      socket.on("end", () => (socket.end(), resolve(heard)));
      socket.on("error", reject);
    });
  };

  test("is answered with a problem document too", async () => {
    for (const [text, status, code] of [
      ["EHLO api\r\n\r\n", 400, "request_malformed"],
      [`GET /api/meta?${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, "headers_too_large"],
      [
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        400,
        "request_malformed",
      ],
    ] as const) {
      const [head = "", body = ""] = (await speak(text)).split("\r\n\r\n");
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head).toContain("Content-Type: application/problem+json");
      expect(JSON.parse(body)).toMatchObject({ status, code, type: `/docs/problems/${code}` });
    }
  });
});
