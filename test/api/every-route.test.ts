// What holds for every route, whatever it does: a route that is added is walked without anybody thinking of it.
import { routes } from "../../src/api/routes.ts";
import type { Route } from "../../src/api/route.ts";
import { createStage, type Stage, willingTemporal } from "../authority/stage.ts";
import {
  type Answer,
  createTestWorld,
  JITSI_SECRET,
  type TestApi,
  type TestWorld,
} from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
let stage: Stage;
let webhookId: string;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start({ temporal: willingTemporal });
  stage = await createStage(api);
  const { token } = stage.people.host;
  const { body } = await api.request("/api/webhooks", { token, json: BODIES["addWebhook"] });
  webhookId = body.id as string;
});
afterAll(() => world.close());

const UUID = "01a20739-2387-7c8e-aa54-3340c0dcc1d7";

/** A body that each route takes. What vendors send is theirs to extend: unknown fields are no error there. */
const BODIES: Readonly<Record<string, object>> = {
  logInByParaToken: { verificationToken: "a-token" },
  importParaSession: { session: "a-session" },
  challengeWallet: { address: `0x${"ab".repeat(20)}` },
  bindWallet: { challengeId: UUID, signature: "0x00" },
  recordCreatedAuction: { transactionHash: `0x${"12".repeat(32)}`, title: "T", description: "" },
  enterMeeting: { challenge: "x".repeat(32), signature: "0x00" },
  extendMeeting: { minutes: 5 },
  addWebhook: { url: "https://example.org/events" },
};
const OF_VENDORS = ["reserveRoom", "reportOccupancy", "reportRoomEvent", "reportOccupantEvent"];

/** The path with ids of things there are, which are the host's where they are anybody's. */
function pathOf(one: Route, id?: string): string {
  const kinds: readonly (readonly [RegExp, string])[] = [
    [/auctions|\/auction\//, stage.auctionId],
    [/notifications/, stage.notificationId],
    [/webhooks/, webhookId],
    [/./, stage.meetingId],
  ];
  const real = kinds.find(([pattern]) => pattern.test(one.path))?.[1] ?? "";
  return one.path
    .replace("{transactionHash}", id ?? stage.transactionHash)
    .replace("{what}", id ?? (one.path.includes("room") ? "created" : "joined"))
    .replace("{id}", id ?? real);
}

const tokenOf = (one: Route): string =>
  one.policy === "jitsi" ? JITSI_SECRET : stage.people.host.token;

interface Sent {
  readonly body?: unknown;
  readonly type?: string;
  readonly id?: string;
  readonly query?: string;
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

/** A right request to the route, but for what is given. */
function send(one: Route, given: Sent = {}): Promise<Answer> {
  const body = "body" in given ? given.body : BODIES[one.operationId];
  const token = given.token === undefined ? tokenOf(one) : given.token;
  return api.request(`${pathOf(one, given.id)}${given.query ?? ""}`, {
    method: given.method ?? one.method,
    ...(token === null ? {} : { token }),
    ...(body === undefined ? {} : { raw: typeof body === "string" ? body : JSON.stringify(body) }),
    headers: {
      ...(body === undefined ? {} : { "content-type": given.type ?? "application/json" }),
      ...given.headers,
    },
  });
}

const named = (list: readonly Route[]) =>
  list.map((one) => [one.method, one.path, one] as [string, string, Route]);
const posts = routes.filter((one) => one.method === "POST");
const withParams = routes.filter((one) => one.params !== undefined);

function expectProblem(answer: Answer, status: number, code: string, pointer?: string): void {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ status, code, type: `/docs/problems/${code}` });
  expect(answer.body.requestId).toBe(answer.headers.get("x-request-id"));
  expect(answer.headers.get("cache-control")).toBe("no-store");
  if (pointer !== undefined)
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer)).toContain(
      pointer,
    );
}

describe.each(named(routes))("%s %s", (_method, _path, one) => {
  test("refuses a query field it does not know, and one given twice", async () => {
    expectProblem(
      await send(one, { query: "?surprise=1" }),
      422,
      "input_invalid",
      "/query/surprise",
    );
    const twice = await send(one, { query: "?limit=1&limit=2" });
    expectProblem(twice, 422, "input_invalid", "/query/limit");
  });

  test("answers every other method with 405 and Allow, and OPTIONS with Allow", async () => {
    const methods = routes.filter(({ path }) => path === one.path).map(({ method }) => method);
    const allowed = [
      ...methods,
      ...(methods.includes("GET") ? ["HEAD"] : []),
      "OPTIONS",
    ].toSorted();
    const allow = (answer: Answer) => answer.headers.get("allow")?.split(", ").toSorted();
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]) {
      if (allowed.includes(method)) continue;
      const answer = await send(one, { method, body: undefined, token: null });
      expect([method, answer.status, allow(answer)]).toEqual([method, 405, allowed]);
      if (method !== "HEAD") expectProblem(answer, 405, "method_not_allowed");
    }
    const options = await send(one, { method: "OPTIONS", body: undefined, token: null });
    expect([options.status, options.text, allow(options)]).toEqual([204, "", allowed]);
  });

  test("gives back the caller's request id, and makes one of its own in place of a bad one", async () => {
    const query = "?surprise=1";
    const mine = await send(one, { query, headers: { "x-request-id": "a-request-of-mine" } });
    expect(mine.body.requestId).toBe("a-request-of-mine");
    for (const bad of ["short", "x".repeat(65), "with spaces in it"])
      expect(
        (await send(one, { query, headers: { "x-request-id": bad } })).headers.get("x-request-id"),
      ).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe.each(named(posts))("%s %s with a body", (_method, _path, one) => {
  test("refuses a field it does not know", async () => {
    if (OF_VENDORS.includes(one.operationId)) return;
    expect([one.operationId, one.body !== undefined]).toEqual([
      one.operationId,
      one.operationId in BODIES,
    ]);
    const answer = await send(one, { body: { ...BODIES[one.operationId], surprise: 1 } });
    expectProblem(answer, 422, "input_invalid", "/surprise");
  });

  test("takes JSON only, well-formed, and not more than it needs", async () => {
    for (const type of ["application/xml", "text/plain", "multipart/form-data; boundary=x"])
      expectProblem(await send(one, { body: "<a/>", type }), 415, "content_type_unsupported");
    if (one.bodyTypes !== "json-or-form") {
      const type = "application/x-www-form-urlencoded";
      expectProblem(await send(one, { body: "a=b", type }), 415, "content_type_unsupported");
    }
    const encoded = await send(one, { body: "{}", headers: { "content-encoding": "rot13" } });
    expectProblem(encoded, 415, "content_type_unsupported");
    expectProblem(await send(one, { body: '{"a":' }), 400, "body_malformed");
    const size = one.hasLongBody === true ? 4_200_000 : 70_000;
    expectProblem(await send(one, { body: { a: "x".repeat(size) } }), 413, "body_too_large");
    for (const body of [[], "[1]", '"text"', "17"])
      expect([400, 422]).toContain((await send(one, { body })).status);
    if (one.body !== undefined)
      expectProblem(await send(one, { body: undefined }), 422, "input_invalid");
  });
});

describe.each(named(withParams))("%s %s with an id", (_method, _path, one) => {
  const name = /\{(\w+)\}/.exec(one.path)?.[1] ?? "";
  test.each(["nonsense", "-1", "1.5", "0x12", "%00", "..%2f..", "1e3", "9".repeat(100), "'--"])(
    "that is malformed (%s) is 422 and points at it",
    async (id) => {
      expectProblem(await send(one, { id }), 422, "input_invalid", `/path/${name}`);
    },
  );
});

const guarded = routes.filter(({ policy }) => policy === "user" || policy === "jitsi");

test.each(named(guarded))(
  "%s %s without a token, or with a wrong one, is 401",
  async (_m, _p, one) => {
    const wrong = one.policy === "jitsi" ? stage.people.host.token : JITSI_SECRET;
    for (const [token, code] of [
      [null, one.policy === "jitsi" ? "integration_secret_wrong" : "token_missing"],
      [wrong, one.policy === "jitsi" ? "integration_secret_wrong" : "token_invalid"],
    ] as const) {
      const answer = await send(one, { token });
      expectProblem(answer, 401, code);
      expect(answer.headers.get("www-authenticate")).toContain("Bearer");
    }
  },
);

// What the chain says of a transaction is public, and asking about somebody else's is no secret.
const ofOnePerson = withParams.filter(
  ({ policy, operationId }) => policy === "user" && operationId !== "getCreationStatus",
);

test.each(named(ofOnePerson))("%s %s of somebody else is 404", async (_m, _p, one) => {
  const theirs = await send(one, { token: stage.people.other.token });
  expect([one.operationId, theirs.status]).toEqual([one.operationId, 404]);
  // The same answer as for what is not there at all.
  const nothing = await send(one, {
    token: stage.people.other.token,
    id: one.path.includes("/auction/") ? "404404" : UUID,
  });
  expect({ ...theirs.body, requestId: "" }).toEqual({ ...nothing.body, requestId: "" });
});

const reads = routes.filter(({ method }) => method === "GET");

test.each(named(reads))(
  "%s %s is 304 to whoever has it, and HEAD tells the same without a body",
  async (_m, _p, one) => {
    const full = await send(one);
    expect([one.operationId, full.status]).toEqual([one.operationId, 200]);
    const etag = full.headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"[\w-]+"$/);
    for (const held of [etag, etag.slice(2), `"other", ${etag}`, "*"]) {
      const again = await send(one, { headers: { "if-none-match": held } });
      expect([again.status, again.text, again.headers.get("etag")]).toEqual([304, "", etag]);
    }
    expect((await send(one, { headers: { "if-none-match": 'W/"other"' } })).status).toBe(200);
    const head = await send(one, { method: "HEAD" });
    expect([head.status, head.text, head.headers.get("etag")]).toEqual([200, "", etag]);
    expect(head.headers.get("content-length")).toBe(full.headers.get("content-length"));
  },
);
