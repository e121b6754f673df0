// Every route × everybody: who may do what is written in entries.ts and nowhere else, and the route table says what there is.
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { routes } from "../../src/api/routes.ts";
import { createTestWorld, type TestApi, type TestWorld } from "../support/api.ts";
import { startParaSandbox } from "../support/sandboxes.ts";
import { type Call, type Caller, type Case, ENTRIES, TELLS_THE_ROOM } from "./entries.ts";
import { badTokens, INTEGRATION_SECRET } from "./forgeries.ts";
import { createStage, ROLES, type Role, type Stage, willingTemporal } from "./stage.ts";

let world: TestWorld;
let api: TestApi;
let para: ParaSandbox;

beforeAll(async () => {
  [world, para] = await Promise.all([createTestWorld(), startParaSandbox()]);
  api = await world.start({ temporal: willingTemporal });
});
afterAll(async () => {
  await para.stop();
  await world.close();
});

interface Asked {
  /** As entries.ts writes answers. */
  readonly answer: string;
  readonly text: string;
}

async function ask(
  one: Case,
  stage: Stage,
  call: Call,
  authorization: string | undefined,
  expected: string,
): Promise<Asked> {
  const { path, method, json } = call;
  const { status, body, text } = await api.request(path, {
    ...(method === undefined ? {} : { method }),
    ...(json === undefined ? {} : { json }),
    ...(authorization === undefined ? {} : { token: authorization }),
  });
  const parts = [String(status)];
  if (expected.includes(" ")) {
    if (status >= 400) parts.push(String(body?.code));
    else if (one.shows !== undefined) parts.push(one.shows(body, stage) ? "shown" : "hidden");
  }
  return { answer: parts.join(" "), text };
}

/** One caller and one case. Returns what differs from what is expected, if anything does. */
async function wrong(
  operationId: string,
  one: Case,
  who: { readonly caller: Caller; readonly name: string; readonly stage: Stage },
  tokenOf: (stage: Stage) => string | undefined | Promise<string | undefined>,
): Promise<string[]> {
  const { caller, name, stage } = who;
  const expected = one.answers[caller];
  // Before the token: what makes it may end the host's sessions.
  const call = await one.call(stage, caller);
  const asked = await ask(one, stage, call, await tokenOf(stage), expected);
  const problems: string[] = [];
  if (asked.answer !== expected)
    problems.push(`${operationId}: ${name} was answered ${asked.answer} instead of ${expected}`);
  if (!TELLS_THE_ROOM.has(operationId) && asked.text.includes(stage.roomName))
    problems.push(`${operationId}: ${name} was told the room's name`);
  if (asked.answer.startsWith("4") && asked.text.includes(stage.roomName))
    problems.push(`${operationId}: ${name} was refused, and told the room's name`);
  return problems;
}

const CASES = Object.entries(ENTRIES).flatMap(([operationId, cases]) =>
  cases.map((one) => [operationId, one.when ?? "", one] as const),
);

test("every route has its entry, and no entry is of a route that is gone", () => {
  expect(Object.keys(ENTRIES).toSorted()).toEqual(routes.map((one) => one.operationId).toSorted());
  for (const [operationId, cases] of Object.entries(ENTRIES))
    expect({ operationId, cases: cases.length }).not.toEqual({ operationId, cases: 0 });
});

test("the entries agree with the routes about who is let in at all", () => {
  for (const { operationId, policy } of routes) {
    for (const { answers } of ENTRIES[operationId] ?? []) {
      const first = (caller: Caller): string => answers[caller].slice(0, 3);
      // Whoever has no right to it learns nothing but that.
      const nobody = { user: "401", jitsi: "401", anyone: first("nobody"), "maybe-user": "200" };
      expect({ operationId, nobody: first("nobody") }).toEqual({
        operationId,
        nobody: nobody[policy],
      });
      const bad = policy === "anyone" ? first("nobody") : "401";
      expect({ operationId, bad: first("badToken") }).toEqual({ operationId, bad });
    }
  }
});

test.each(CASES)("%s %s: everybody", async (operationId, _when, one) => {
  const problems: string[] = [];
  const callers: [Caller, (stage: Stage) => string | undefined][] = [
    ["nobody", () => undefined],
    ["integration", () => INTEGRATION_SECRET],
    ...ROLES.map((role): [Role, (stage: Stage) => string] => [
      role,
      (stage) => stage.people[role].token,
    ]),
  ];
  for (const [caller, tokenOf] of callers) {
    // A scene for each: what one may do must not be done already when the next one asks.
    const stage = await createStage(api);
    problems.push(...(await wrong(operationId, one, { caller, name: caller, stage }, tokenOf)));
  }
  expect(problems).toEqual([]);
});

test.each(CASES)("%s %s: every bad token", async (operationId, _when, one) => {
  const problems: string[] = [];
  const stage = await createStage(api);
  for (const { name, make } of badTokens(para))
    problems.push(...(await wrong(operationId, one, { caller: "badToken", name, stage }, make)));
  expect(problems).toEqual([]);
});

test("HEAD is as closed as GET, and no other method opens a path", async () => {
  const stage = await createStage(api);
  for (const one of routes) {
    const path = one.path
      .replace("{transactionHash}", stage.transactionHash)
      .replace("{what}", one.operationId === "reportRoomEvent" ? "created" : "joined")
      .replace(
        "{id}",
        one.tag === "auctions" || one.operationId === "getMeetingOfAuction"
          ? stage.auctionId
          : stage.meetingId,
      );
    const closed = one.policy === "user" || one.policy === "jitsi";
    if (one.method === "GET" && closed)
      expect({ path, head: (await api.request(path, { method: "HEAD" })).status }).toEqual({
        path,
        head: 401,
      });
    for (const method of ["PUT", "PATCH"])
      expect({ path, method, is: (await api.request(path, { method })).status }).toEqual({
        path,
        method,
        is: 405,
      });
  }
});
