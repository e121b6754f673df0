// The sockets of the matrix: who gets in, what each event of a client does for whom, and who hears what.
import { randomBytes } from "node:crypto";
import type { Socket } from "socket.io-client";
import type { ParaSandbox } from "../../dev/sandbox/para/server.ts";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import { EVENTS } from "../../src/api/events/catalog.ts";
import { recordEvents } from "../../src/db/events.ts";
import { createTestWorld, once, type TestApi, type TestWorld } from "../support/api.ts";
import { startParaSandbox } from "../support/sandboxes.ts";
import { badTokens, INTEGRATION_SECRET } from "./forgeries.ts";
import { createStage, ROLES, type Role, type Stage } from "./stage.ts";

let world: TestWorld;
let nodes: readonly [TestApi, TestApi];
let para: ParaSandbox;

beforeAll(async () => {
  [world, para] = await Promise.all([createTestWorld(), startParaSandbox()]);
  nodes = [await world.start(), await world.start()];
});
afterAll(async () => {
  await para.stop();
  await world.close();
});

/** Connects. Returns the socket when it is live, or the code of the refusal. */
async function connect(
  on: TestApi,
  auth: object,
  prepare: (socket: Socket) => void = () => undefined,
): Promise<Socket | string> {
  const socket = on.socket(auth);
  prepare(socket);
  const outcome = Promise.race([
    once(socket, "ready").then(() => socket),
    once<Error & { data?: { code: string } }>(socket, "connect_error").then(
      (error) => error.data?.code ?? error.message,
    ),
  ]);
  socket.connect();
  return outcome;
}

async function connected(...given: Parameters<typeof connect>): Promise<Socket> {
  const socket = await connect(...given);
  if (typeof socket === "string") throw new Error(`refused: ${socket}`);
  return socket;
}

/** What each event of a client does, asked by each person, about an auction that is public. */
const CLIENT_EVENTS: Readonly<Record<string, Readonly<Record<Role, string>>>> = {
  "join-auction": { host: "ok", winner: "ok", former: "ok", other: "ok" },
  "leave-auction": { host: "ok", winner: "ok", former: "ok", other: "ok" },
};

/** Rooms that a person cannot ask for, whatever they write where the auction's id belongs. */
const OTHERS_ROOMS = (stage: Stage): readonly unknown[] => [
  `user:${stage.people.host.account.id}`,
  `wallet:${stage.people.host.wallet.address.toLowerCase()}`,
  `${stage.auctionId} user:${stage.people.host.account.id}`,
  stage.people.host.account.id,
  [stage.auctionId],
  { toString: stage.auctionId },
  `../user:${stage.people.host.account.id}`,
];

/** Who hears an event of an audience, without and with having joined the auction. */
const AUDIENCES: readonly {
  readonly audience: (stage: Stage) => string;
  readonly hears: Readonly<Record<Role, boolean>>;
}[] = [
  {
    audience: () => "public",
    hears: { host: true, winner: true, former: true, other: true },
  },
  ...ROLES.flatMap((role) => {
    const hears = { host: false, winner: false, former: false, other: false, [role]: true };
    return [
      { audience: (stage: Stage) => `user:${stage.people[role].account.id}`, hears },
      {
        audience: (stage: Stage) => `wallet:${stage.people[role].wallet.address.toLowerCase()}`,
        hears,
      },
    ];
  }),
  {
    audience: (stage) => `auction:${stage.auctionId}`,
    // Only these two join in the test.
    hears: { host: false, winner: true, former: false, other: true },
  },
];

test("a socket takes the events of the table and no others", async () => {
  const stage = await createStage(nodes[0]);
  const socket = await connected(nodes[0], { token: stage.people.host.token });
  const others = ["message", "join", "join-auction ", "constructor", "toString", "__proto__"];
  for (const event of [...others, ...Object.keys(EVENTS)]) {
    const answer = await socket.emitWithAck(event, stage.auctionId);
    expect({ event, ...answer }).toMatchObject({ event, ok: false, code: "event_unknown" });
    // Whoever sends what is unknown is told what is known.
    const [, known = ""] = /^a client may send (.*), and/.exec(answer.detail) ?? [];
    expect(known.split(" and ").toSorted()).toEqual(Object.keys(CLIENT_EVENTS).toSorted());
  }
});

test("nobody gets in without a token, with a bad one, or with Jitsi's secret", async () => {
  const stage = await createStage(nodes[0]);
  const answers: Record<string, string> = {};
  const enter = async (name: string, auth: object): Promise<void> => {
    const socket = await connect(nodes[0], auth);
    answers[name] = typeof socket === "string" ? socket : "let in";
  };
  await enter("nobody", {});
  await enter("a token that is no text", { token: { toString: () => "x" } });
  await enter("an endless token", { token: "x".repeat(10_000) });
  await enter("Jitsi", { token: INTEGRATION_SECRET });
  await enter("a token in another place", { authorization: `Bearer ${stage.people.host.token}` });
  for (const { name, make } of badTokens(para)) await enter(name, { token: await make(stage) });
  const codes: Record<string, string> = {
    nobody: "token_missing",
    "a token in another place": "token_missing",
    "a token that is no text": "handshake_invalid",
    "an endless token": "handshake_invalid",
  };
  for (const [name, answer] of Object.entries(answers))
    expect({ name, answer }).toEqual({
      name,
      answer: codes[name] ?? "token_invalid",
    });
  expect(Object.keys(answers).length).toBeGreaterThan(35);
});

test("each event does for each person what the table says, and opens nobody else's room", async () => {
  const stage = await createStage(nodes[0]);
  for (const role of ROLES) {
    const socket = await connected(nodes[0], { token: stage.people[role].token });
    for (const [event, answers] of Object.entries(CLIENT_EVENTS)) {
      const answer = await socket.emitWithAck(event, stage.auctionId);
      expect({ role, event, answer: answer.ok ? "ok" : answer.code }).toEqual({
        role,
        event,
        answer: answers[role],
      });
      for (const room of OTHERS_ROOMS(stage))
        expect(await socket.emitWithAck(event, room)).toMatchObject({
          ok: false,
          code: "auction_id_invalid",
        });
    }
    socket.disconnect();
  }
});

test("everybody hears what is for them on every node, live and replayed, and nothing else", async () => {
  const stage = await createStage(nodes[0]);
  const type = `kind-${randomBytes(6).toString("hex")}`;
  const heard = new Map<string, Set<number>>();
  const listen = async (on: TestApi, role: Role, lastSeq?: number): Promise<string> => {
    const name = `${role} on node ${nodes.indexOf(on)}${lastSeq === undefined ? "" : " who was away"}`;
    const got = new Set<number>();
    heard.set(name, got);
    const follows = role === "winner" || role === "other";
    const auth = {
      token: stage.people[role].token,
      ...(lastSeq === undefined ? {} : { lastSeq }),
      ...(follows ? { auctions: [stage.auctionId] } : {}),
    };
    await connected(on, auth, (socket) =>
      socket.on(type, ({ data }: { data: { n: number } }) => got.add(data.n)),
    );
    return name;
  };
  for (const node of nodes) for (const role of ROLES) await listen(node, role);
  const [before] = await world.db.query<{ seq: number }>(
    "SELECT last_seq AS seq FROM event_sequence",
  );
  for (const [n, { audience }] of AUDIENCES.entries())
    await world.db.transaction((tx) =>
      recordEvents(tx, [{ type, audience: [audience(stage)], data: { n } }]),
    );
  // The last word is for everybody: who has heard it has heard all that came before it.
  const last = AUDIENCES.length;
  await world.db.transaction((tx) =>
    recordEvents(tx, [{ type, audience: ["public"], data: { n: last } }]),
  );
  for (const node of nodes) for (const role of ROLES) await listen(node, role, before?.seq);
  while (![...heard.values()].every((got) => got.has(last)))
    await new Promise((resolve) => setImmediate(resolve));
  for (const [name, got] of heard) {
    const role = ROLES.find((one) => name.startsWith(one)) ?? "other";
    const expected = AUDIENCES.flatMap(({ hears }, n) => (hears[role] ? [n] : []));
    expect({ name, got: [...got].toSorted((a, b) => a - b) }).toEqual({
      name,
      got: [...expected, last],
    });
  }
  expect(heard.size).toBe(16);
});

test("a logout cuts every socket of the person on every node, live or still arriving, and lets none of them back", async () => {
  const stage = await createStage(nodes[0]);
  const { host, other } = stage.people;
  const secondToken = issueAccessToken(host.account, nodes[0].deps.config.JWT_SECRET, 600).token;
  const sockets = await Promise.all(
    nodes.flatMap((node) => [host.token, secondToken].map((token) => connected(node, { token }))),
  );
  const bystander = await connected(nodes[1], { token: other.token });
  const gone = Promise.all(sockets.map((socket) => once(socket, "disconnect")));
  // On their way in while the logout happens: whatever the order, they end up outside.
  const arriving = nodes.map((node) => node.socket({ token: host.token }));
  const outside = arriving.map((socket) =>
    Promise.race([once(socket, "disconnect"), once(socket, "connect_error")]),
  );
  for (const socket of arriving) socket.connect();
  const { status } = await nodes[0].request("/api/auth/logout", {
    method: "POST",
    token: host.token,
  });
  expect(status).toBe(204);
  expect(await gone).toEqual(sockets.map(() => "io server disconnect"));
  await Promise.all(outside);
  expect(arriving.map((socket) => socket.connected)).toEqual([false, false]);
  expect(bystander.connected).toBe(true);
  for (const node of nodes)
    for (const token of [host.token, secondToken])
      expect(await connect(node, { token })).toBe("token_invalid");
});

test("a socket ends when its token does, and the same token does not open it again", async () => {
  const stage = await createStage(nodes[0]);
  const { token } = issueAccessToken(stage.people.host.account, nodes[0].deps.config.JWT_SECRET, 2);
  const socket = await connected(nodes[1], { token });
  expect(await once(socket, "disconnect")).toBe("io server disconnect");
  expect(await connect(nodes[1], { token })).toBe("token_invalid");
});
