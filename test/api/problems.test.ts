// Every problem has a page that is its `type`, and says to a stranger no more than it should.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { PROBLEM_CODES, problemType } from "../../src/api/problems/catalog.ts";
import { createTestWorld, testConfig, type TestApi, type TestWorld } from "../support/api.ts";

let world: TestWorld;
let api: TestApi;
beforeAll(async () => {
  world = await createTestWorld();
  api = await world.start();
});
afterAll(() => world.close());

/** Where errors are made that can reach a caller. */
const SOURCES = ["api", "db", "para", "lit", "jitsi", "activities/meeting.ts"];

/** Made there, and never told to a caller of the API as the code of a problem. */
const NOT_TOLD = new Set([
  // The door tells access_denied for each of them (src/api/meetings/proof.ts).
  "challenge_expired",
  "challenge_of_other_meeting",
  "challenge_of_other_user",
  "challenge_of_other_wallet",
  "challenge_unknown",
  "lit_denied",
  "not_the_pass_owner",
  // Of sockets, whose connect_error is no problem document (src/api/realtime).
  "handshake_invalid",
  "too_many_sockets",
  // Of npm run migrate.
  "roles_missing",
  // Inside problems: what is wrong with one field.
  "custom",
  "invalid",
  "nul_character",
  "required",
  "too_big",
  "unknown_field",
  // Prosody's refusals have a form of their own.
  "room_unknown",
  // At the start, or between our own processes.
  "jitsi_configuration",
  "leadership_lost",
  "lit_claim_malformed",
  "lit_configuration",
  "para_configuration",
  "para_sdk_incompatible",
  "projection_behind",
  // Answered to operators, who come by Temporal or the command line: no route sends what they send.
  "jitsi_end_refused",
  "settlement_under_way",
  "wallet_not_paused",
]);

function codesIn(text: string): string[] {
  const calls = /\b(?:refused|unavailable|refuse)\(\s*"([a-z0-9_]+)"|\bcode: "([a-z0-9_]+)"/g;
  return [...text.matchAll(calls)].map((match) => match[1] ?? match[2] ?? "");
}

test("every code that can reach a caller is described, and nothing else is", () => {
  const files = SOURCES.flatMap((source) => {
    const path = join(repositoryRoot, "src", source);
    if (source.endsWith(".ts")) return [path];
    return readdirSync(path, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(path, file));
  });
  const raised = new Set(files.flatMap((file) => codesIn(readFileSync(file, "utf8"))));
  const described = new Set(PROBLEM_CODES);
  expect([...raised].filter((code) => !described.has(code) && !NOT_TOLD.has(code))).toEqual([]);
  // Raised by the chain's client for the API too, by the middleware for defects, and by the meeting's workflow.
  const elsewhere = new Set([
    "rpc_unavailable",
    "wrong_chain",
    "internal",
    "bad_minutes",
    // What Node's parser refuses (src/api/unreadable.ts).
    "headers_too_large",
    "request_too_slow",
    "request_malformed",
  ]);
  expect([...described].filter((code) => !raised.has(code) && !elsewhere.has(code))).toEqual([]);
  expect([...NOT_TOLD].filter((code) => described.has(code))).toEqual([]);
});

test.each([...PROBLEM_CODES, ""])(
  "%s has its page here, which loads nothing from elsewhere",
  async (code) => {
    const page = await api.request(code === "" ? "/docs/problems" : problemType(code));
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      "text/html; charset=utf-8",
    ]);
    expect(page.text).toContain(code === "" ? "auction_not_found" : `<code>${code}</code>`);
    for (const [, target] of page.text.matchAll(/(?:src|href)="([^"]*)"/g))
      expect(target).toMatch(/^\/docs(\/|$)/);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  },
);

test("the style of the pages is there; pages of unknown codes are not, whatever their names", async () => {
  expect((await api.request("/docs/problems.css")).headers.get("content-type")).toContain("css");
  for (const code of ["nonsense", "constructor", "__proto__", "auction_not_found/", "%3Cscript%3E"])
    expect((await api.request(`/docs/problems/${code}`)).body).toMatchObject({
      status: 404,
      type: "/docs/problems/route_not_found",
    });
});

test("what went wrong on our side is told with its causes in development, and by the request's id alone in production", async () => {
  const health = () =>
    Promise.reject(new Error("no answer", { cause: new Error("the password is hunter2") }));
  const development = await world.start({ health });
  const production = await world.start({
    health,
    config: testConfig({ NODE_ENV: "production", DATABASE_URL: "postgres://x/x?sslmode=disable" }),
  });
  const told = await development.request("/readyz");
  expect(told.body).toMatchObject({ status: 500, code: "internal", detail: "no answer" });
  expect(told.body.causes).toEqual([
    "no answer",
    "the password is hunter2",
    expect.stringMatching(/^at .*problems\.test\.ts/),
  ]);
  const hidden = await production.request("/readyz", {
    headers: { "x-request-id": "the-request-id" },
  });
  expect(hidden.body).toEqual({
    type: "/docs/problems/internal",
    title: "Internal error",
    status: 500,
    detail: "something went wrong on our side; tell us the requestId",
    code: "internal",
    requestId: "the-request-id",
    errors: [],
  });
});
