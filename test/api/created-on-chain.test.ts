// POST /api/auctions/created with everything real: the contract on anvil, the indexer, Postgres, and Temporal, which counts the
// workflows there are.
import { jest } from "@jest/globals";
import { Connection, Client } from "@temporalio/client";
import { getCreateAddress } from "ethers";
import { createOrm } from "../../src/db/migrate.ts";
import { type CreationCheck, createChainReader } from "../../src/chain/reader.ts";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import { auctionWorkflowId } from "../../src/domain/process.ts";
import { startAuctionWorkflow } from "../../src/workflows/start.ts";
import { Engine } from "../chain/support.ts";
import { createTestWorld, type Person, type TestApi, type TestWorld } from "../support/api.ts";
import { getTestTemporal } from "../support/stack.ts";

let engine: Engine;
let world: TestWorld;
let connection: Connection;
let client: Client;
let nodes: [TestApi, TestApi];
let other: { contract: string; api: TestApi };

beforeAll(async () => {
  const [temporal, ...rest] = await Promise.all([
    getTestTemporal(),
    Engine.start(),
    createTestWorld(),
  ]);
  [engine, world] = rest;
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
  const { rpc, chainId, contract, chain } = engine;
  const start = (auctionContract: string) =>
    world.start({
      db: engine.db,
      orm: createOrm(engine.databaseUrl),
      reader: createChainReader({ rpc, chainId, auctionContract, passContract: chain.pass }),
      startAuction: (auction) => startAuctionWorkflow(client, auction, 30_000),
    });
  nodes = [await start(contract), await start(contract)];
  // A deployment of the same code with another contract.
  const foreign = `0x${"0d".repeat(20)}`;
  other = { contract: foreign, api: await start(foreign) };
  await chain.provider.send("anvil_autoImpersonateAccount", [true]);
});
afterAll(async () => {
  await world.close();
  for (const api of [...nodes, other.api]) await api.deps.orm.close(true);
  await connection.close();
  await engine.stop();
});

const words = { title: "An hour on gardening", description: "Bring questions." };

async function host(): Promise<Person> {
  const one = await nodes[0].person();
  await engine.chain.provider.send("anvil_setBalance", [one.wallet.address, "0x56bc75e2d63100000"]);
  return one;
}

/** Sends a call of the contract from a wallet. Returns the transaction's hash. */
async function submit(from: Person, method: string, args: readonly unknown[]): Promise<string> {
  const { chain } = engine;
  const data = meetingAuctionInterface.encodeFunctionData(method, args);
  const gas = "0x1e8480";
  return engine.send("eth_sendTransaction", {
    from: from.wallet.address,
    to: chain.auction,
    data,
    gas,
  });
}

const create = (from: Person): Promise<string> =>
  submit(from, "createAuction", [engine.chain.params({ endTime: engine.chain.nowS + 10_000 })]);

/** Code that calls `to` once with each of `calls`, which have one length, while it is deployed. */
function bundle(to: string, calls: readonly string[]): string {
  const bodies = calls.map((call) => call.slice(2));
  const length = (bodies[0] ?? "").length / 2;
  const push2 = (value: number): string => `61${value.toString(16).padStart(4, "0")}`;
  const one = (index: number): string =>
    `60006000${push2(length)}${push2(index * length)}600073${to.slice(2)}5af150`;
  const steps = bodies.map((_, index) => one(index)).join("");
  const copyBytes = 9;
  const codeBytes = copyBytes + steps.length / 2 + 1;
  return `0x${push2(bodies.length * length)}${push2(codeBytes)}600039${steps}00${bodies.join("")}`;
}

/** Two auctions in one transaction, of a contract that it deploys. Returns its hash. */
function createTwo(from: Person): Promise<string> {
  const { chain } = engine;
  const calls = [1, 2].map(() =>
    meetingAuctionInterface.encodeFunctionData("createAuction", [
      chain.params({ endTime: chain.nowS + 10_000 }),
    ]),
  );
  const data = bundle(chain.auction, calls);
  return engine.send("eth_sendTransaction", { from: from.wallet.address, data, gas: "0x1e8480" });
}

const record = (person: Person, transactionHash: string, api = nodes[0], said: object = words) =>
  api.request("/api/auctions/created", {
    token: person.token,
    json: { transactionHash, ...said },
  });

async function workflowsOf(auctionId: string): Promise<string[]> {
  const { chainId, contract } = engine;
  const workflowId = auctionWorkflowId({ chainId, contract, auctionId });
  const description = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  return description === undefined ? [] : [`${description.status.name} ${description.runId}`];
}

const listingsOf = (auctionId: string) =>
  engine.db.query<{ title: string }>("SELECT title FROM auction_listings WHERE auction_id = $1", [
    auctionId,
  ]);

const statusAt = async (person: Person, location: string | null) =>
  (await nodes[1].request(location ?? "", { token: person.token })).body;

test("pending, then unconfirmed, then unindexed, then recorded: each told as it is, and Location tells the same", async () => {
  const ada = await host();
  await engine.automine(false);
  const hash = await create(ada);
  const pending = await record(ada, hash);
  expect([pending.status, pending.body.status]).toEqual([202, "unknown"]);
  const location = pending.headers.get("location");
  expect(location).toBe(`/api/auctions/transactions/${hash}`);
  expect(await statusAt(ada, location)).toMatchObject({
    status: "unknown",
    transactionHash: hash,
    blockNumber: null,
    lastError: null,
  });

  await engine.mine();
  await engine.automine(true);
  const unconfirmed = await record(ada, hash);
  expect([unconfirmed.status, unconfirmed.body]).toEqual([
    202,
    {
      status: "unconfirmed",
      auctionId: expect.any(String),
      confirmations: 1,
      confirmationsNeeded: 2,
    },
  ]);
  const auctionId: string = unconfirmed.body.auctionId;
  expect(await statusAt(ada, location)).toMatchObject({
    status: "unconfirmed",
    auctionId,
    blockNumber: expect.any(Number),
  });

  await engine.mine();
  expect((await record(ada, hash)).body.status).toBe("unindexed");
  expect(await workflowsOf(auctionId)).toEqual([]);

  await engine.index();
  const recorded = await record(ada, hash);
  expect([recorded.status, recorded.headers.get("location"), recorded.body]).toEqual([
    201,
    `/api/auctions/${auctionId}`,
    { auctionId, status: "recorded" },
  ]);
  expect(await statusAt(ada, location)).toMatchObject({ status: "recorded", confirmations: 2 });
  expect(await workflowsOf(auctionId)).toHaveLength(1);
});

test("fifty reports of one creation at once, at two nodes, give one auction and one process", async () => {
  const ada = await host();
  const hash = await create(ada);
  await engine.mine();
  await engine.index();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => record(ada, hash, nodes[index % 2])),
  );
  const ids = new Set(answers.map(({ body }) => body.auctionId as string));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  expect(ids.size).toBe(1);
  for (const auctionId of ids) {
    expect(await workflowsOf(auctionId)).toHaveLength(1);
    expect(await listingsOf(auctionId)).toHaveLength(1);
  }
});

test("what was said while no block had the transaction is there with the auction, though nobody asks again", async () => {
  const ada = await host();
  await engine.automine(false);
  const hash = await create(ada);
  expect((await record(ada, hash)).status).toBe(202);
  // Somebody else who saw the hash says something too: it is not their wallet that creates it.
  const mallory = await host();
  expect((await record(mallory, hash, nodes[1], { title: "Mine", description: "" })).status).toBe(
    202,
  );
  await engine.mine();
  await engine.automine(true);
  await engine.mine();
  await engine.index();
  const [row] = await engine.db.query<{ id: string }>(
    "SELECT auction_id AS id FROM auctions WHERE steps->'created'->>'transactionHash' = $1",
    [hash],
  );
  expect((await nodes[0].request(`/api/auctions/${row?.id}`)).body).toMatchObject(words);
  expect((await record(mallory, hash)).body).toMatchObject({
    status: 403,
    code: "wallet_not_yours",
  });
});

test("indexed before the call, and 50 calls at once on two nodes: one listing, one workflow, 201 for each", async () => {
  const ada = await host();
  const hash = await create(ada);
  await engine.mine();
  await engine.index();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => record(ada, hash, nodes[index % 2])),
  );
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(answers[0]?.status).toBe(201);
  const auctionId: string = answers[0]?.body.auctionId;
  expect(await listingsOf(auctionId)).toEqual([{ title: words.title }]);
  const [run] = await workflowsOf(auctionId);
  expect(run).toMatch(/^RUNNING /);
  // Later repeats, with other words too, change nothing: neither the listing nor the run.
  const later = await record(ada, hash, nodes[1], { title: "Something else", description: "" });
  expect(later.status).toBe(201);
  expect(await listingsOf(auctionId)).toEqual([{ title: words.title }]);
  expect(await workflowsOf(auctionId)).toEqual([run]);
});

test("50 calls at once while it is pending, unconfirmed and unindexed, under way to its block", async () => {
  const ada = await host();
  await engine.automine(false);
  const hash = await create(ada);
  const calls = Array.from({ length: 50 }, (_, index) => record(ada, hash, nodes[index % 2]));
  await engine.mine();
  await engine.mine();
  await engine.automine(true);
  await engine.index();
  const answers = await Promise.all(calls);
  for (const { status } of answers) expect([201, 202]).toContain(status);
  const done = await record(ada, hash);
  expect(done).toMatchObject({ status: 201 });
  expect(await listingsOf(done.body.auctionId)).toHaveLength(1);
  expect(await workflowsOf(done.body.auctionId)).toHaveLength(1);
});

test("reverted, another call, another contract, another creator: refused by name, and nothing is kept", async () => {
  const [ada, bob] = [await host(), await host()];
  // Ends before it begins.
  const reverted = await submit(ada, "createAuction", [engine.chain.params({ endTime: 1 })]);
  const withdrawal = await submit(ada, "withdraw", []);
  const hash = await create(ada);
  await engine.mine();
  await engine.index();
  expect((await record(ada, reverted)).body).toMatchObject({
    status: 422,
    code: "transaction_reverted",
    errors: [{ pointer: "/transactionHash" }],
  });
  expect(await statusAt(ada, `/api/auctions/transactions/${reverted}`)).toMatchObject({
    status: "reverted",
    lastError: "transaction_reverted",
  });
  // There is nothing to withdraw, so that this one reverts too; a transfer succeeds and creates nothing.
  expect((await record(ada, withdrawal)).body.status).toBe(422);
  const transfer = await engine.send("eth_sendTransaction", {
    from: ada.wallet.address,
    to: bob.wallet.address,
    value: "0x1",
  });
  await engine.mine();
  expect((await record(ada, transfer)).body).toMatchObject({
    status: 422,
    code: "transaction_other",
  });
  expect((await record(ada, hash, other.api)).body).toMatchObject({
    status: 422,
    code: "transaction_other",
  });
  expect((await record(bob, hash)).body).toMatchObject({ status: 403, code: "wallet_not_yours" });
  expect(
    await engine.db.query("SELECT FROM auction_listings WHERE transaction_hash = ANY($1)", [
      [reverted, withdrawal, transfer, hash],
    ]),
  ).toHaveLength(0);
});

test("an auction nobody told us about is found by the indexer, which has its workflow started", async () => {
  const ada = await host();
  const hash = await create(ada);
  await engine.mine();
  await engine.index();
  const [row] = await engine.db.query<{ id: string }>(
    "SELECT auction_id AS id FROM auctions WHERE steps->'created'->>'transactionHash' = $1",
    [hash],
  );
  expect((await nodes[0].request(`/api/auctions/${row?.id}`)).body).toMatchObject({
    host: ada.wallet.address,
    title: null,
    phase: "bidding",
  });
  const starts = await engine.db.query(
    "SELECT 1 AS one FROM outbox WHERE workflow_id = $1 AND kind = 'start-auction'",
    [
      auctionWorkflowId({
        chainId: engine.chainId,
        contract: engine.contract,
        auctionId: row?.id ?? "",
      }),
    ],
  );
  expect(starts).toHaveLength(1);
});

test("the title arrives live, once, whether it is said before the indexer sees the auction or after", async () => {
  const ada = await host();
  const titles = (auctionId: string) =>
    engine.db.query<{ data: object; audience: string[] }>(
      "SELECT data, audience FROM events WHERE type = 'auction-listed' AND data->>'auctionId' = $1",
      [auctionId],
    );
  for (const isBefore of [true, false]) {
    await engine.automine(false);
    const hash = await create(ada);
    // Before any block has it.
    if (isBefore) expect((await record(ada, hash)).status).toBe(202);
    await engine.mine();
    await engine.mine();
    await engine.automine(true);
    await engine.index();
    const told = async () => (await record(ada, hash)).body.auctionId as string;
    const auctionId = await told();
    expect(await told()).toBe(auctionId);
    expect(await titles(auctionId)).toEqual([
      { data: { auctionId, title: words.title }, audience: ["public", `auction:${auctionId}`] },
    ]);
  }
});

test("the title is told where this node's endpoint is behind the indexer's, and nobody asks again", async () => {
  const ada = await host();
  const hash = await create(ada);
  await engine.mine();
  await engine.mine();
  await engine.index();
  const { reader } = nodes[0].deps;
  const lagging = jest.spyOn(reader, "auctionsCreatedIn").mockImplementation(
    async (asked) =>
      ({
        ...(await nodes[1].deps.reader.auctionsCreatedIn(asked)),
        confirmations: 1,
      }) as CreationCheck,
  );
  const { status, body } = await record(ada, hash);
  lagging.mockRestore();
  expect([status, body.status]).toEqual([202, "unconfirmed"]);
  const told = await engine.db.query(
    "SELECT FROM events WHERE type = 'auction-listed' AND data->>'auctionId' = $1",
    [body.auctionId],
  );
  expect(told).toHaveLength(1);
});

test("words that name one of several auctions are that one's, also when no block has the transaction yet", async () => {
  const ada = await host();
  const made = getCreateAddress({ from: ada.wallet.address, nonce: 0 }).toLowerCase();
  await engine.db.query(
    "INSERT INTO wallets (user_id, address, source) SELECT user_id, $2, source FROM wallets WHERE address = $1",
    [ada.wallet.address.toLowerCase(), made],
  );
  await engine.automine(false);
  const transactionHash = await createTwo(ada);
  const count = Number(await engine.chain.read("auctionCount"));
  const [first, second] = [count + 1, count + 2].map(String);
  for (const [title, auctionId] of [
    ["Of the second", second],
    ["Of the first", first],
    ["Said again", first],
  ]) {
    const said = { title, description: "", auctionId };
    expect((await record(ada, transactionHash, nodes[0], said)).status).toBe(202);
  }
  await engine.mine();
  await engine.mine();
  await engine.automine(true);
  await engine.index();
  expect(await listingsOf(first ?? "")).toEqual([{ title: "Of the first" }]);
  expect(await listingsOf(second ?? "")).toEqual([{ title: "Of the second" }]);
});

test("every auction that a transaction creates is read from its receipt", async () => {
  const ada = await host();
  const transactionHash = await createTwo(ada);
  await engine.mine();
  const creation = await nodes[0].deps.reader.auctionsCreatedIn(transactionHash);
  const made = getCreateAddress({ from: ada.wallet.address, nonce: 0 }).toLowerCase();
  expect(creation).toMatchObject({ status: "created", auctions: [{ host: made }, { host: made }] });
  const [one, two] = creation.status === "created" ? creation.auctions : [];
  expect(Number(two?.auctionId)).toBe(Number(one?.auctionId) + 1);
  // Neither is Ada's: they belong to what she deployed.
  expect((await record(ada, transactionHash)).body).toMatchObject({ code: "wallet_not_yours" });
});
