import { createServer, type Server, type Socket } from "node:net";
import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import { Database } from "../../src/db/database.ts";
import { enqueue, type OutboxMessage } from "../../src/db/outbox.ts";
import { type AuctionInput, auctionWorkflowId } from "../../src/domain/process.ts";
import { testLogger } from "../support/logs.ts";
import { OutboxRelay } from "../../src/workers/relay.ts";
import { createTestDatabase, getTestTemporal, type TestDatabase } from "../support/stack.ts";
import { eventsOf, statusOf, until } from "../workflows/world.ts";

let database: TestDatabase;
let db: Database;
let client: Client;
let relays: OutboxRelay[] = [];
let auctions = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "relay-test" });
  const { address, namespace } = await getTestTemporal();
  client = new Client({ connection: await Connection.connect({ address }), namespace });
});
afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.close()));
  relays = [];
});
afterAll(async () => {
  await client.connection.close();
  await db.close();
  await database.drop();
});

function createRelay(options: { client?: Client; deliveryTimeoutMs?: number } = {}): OutboxRelay {
  const relay = new OutboxRelay({ db, client, leadMs: 1000, logger: testLogger(), ...options });
  relays.push(relay);
  return relay;
}

function newAuction(): AuctionInput {
  auctions += 1;
  return {
    chainId: 1,
    contract: "0xa0c7000000000000000000000000000000000001",
    auctionId: String(auctions),
    host: "0x1111111111111111111111111111111111111111",
    endsAtMs: Date.now() + 3_600_000,
  };
}

const startOf = (auction: AuctionInput): OutboxMessage => ({
  kind: "start-auction",
  workflowId: auctionWorkflowId(auction),
  payload: auction,
});

const extension = (auction: AuctionInput, n: number, signal = "extended"): OutboxMessage => ({
  kind: "signal",
  workflowId: auctionWorkflowId(auction),
  payload: { signal, args: [{ endsAtMs: auction.endsAtMs + n, blockNumber: n }] },
});

const send = (...messages: OutboxMessage[]): Promise<void> =>
  db.transaction((tx) => enqueue(tx, messages));

const handleOf = (auction: AuctionInput): WorkflowHandle =>
  client.workflow.getHandle(auctionWorkflowId(auction));

/** The block numbers of the extensions a workflow was told of, in order. */
async function told(auction: AuctionInput): Promise<number[]> {
  const signals = await eventsOf(handleOf(auction), "workflowExecutionSignaledEventAttributes");
  return signals.map(({ attributes }) => {
    const [payload] = attributes.input?.payloads ?? [];
    const { blockNumber }: { blockNumber: number } = JSON.parse(
      new TextDecoder().decode(payload?.data ?? new Uint8Array()),
    );
    return blockNumber;
  });
}

interface Row {
  readonly attempts: number;
  readonly lastError: string | null;
  readonly waits: boolean;
}

const undelivered = (): Promise<Row[]> =>
  db.query<Row>(
    `SELECT attempts, last_error AS "lastError", not_before > now() AS waits FROM outbox WHERE delivered_at IS NULL ORDER BY id`,
  );

async function drained(relay: OutboxRelay): Promise<void> {
  while ((await relay.drain()) > 0);
}

/** A signal name longer than the server takes: a delivery that fails for real. */
const TOO_LONG = "x".repeat(2000);

/** What an operator does about such a message. */
async function mend(): Promise<void> {
  await db.query(
    `UPDATE outbox SET payload = jsonb_set(payload, '{signal}', '"extended"') WHERE payload->>'signal' = $1`,
    [TOO_LONG],
  );
}

test("messages to one workflow are delivered in the order they were written", async () => {
  const auction = newAuction();
  const numbers = [1, 2, 3, 4, 5];
  await send(startOf(auction), ...numbers.map((n) => extension(auction, n)));
  await drained(createRelay());
  expect(await told(auction)).toEqual(numbers);
  expect(await undelivered()).toEqual([]);
  const [started] = await eventsOf(handleOf(auction), "workflowExecutionStartedEventAttributes");
  expect(started?.attributes.workflowType?.name).toBe("auction");
});

test("a delivery that fails holds back its own workflow only, and is tried again until it succeeds", async () => {
  const [one, two] = [newAuction(), newAuction()];
  await send(startOf(one), startOf(two), extension(one, 1, TOO_LONG), extension(one, 2));
  await send(extension(two, 1), extension(two, 2));
  const relay = createRelay();
  await drained(relay);
  expect(await told(two)).toEqual([1, 2]);
  expect(await told(one)).toEqual([]);
  const [failed, waiting] = await undelivered();
  expect(failed).toMatchObject({ attempts: 1, waits: true });
  expect(failed?.lastError).not.toBeNull();
  expect(waiting).toMatchObject({ attempts: 0, lastError: null });

  // It is tried again by itself, as often as it takes.
  relay.start();
  await until("a second attempt", async () => ((await undelivered())[0]?.attempts ?? 0) >= 2);
  await mend();
  await until("the delivery", async () => (await undelivered()).length === 0);
  expect(await told(one)).toEqual([1, 2]);
});

test("two relays at once lose nothing, double nothing and keep the order", async () => {
  for (const relay of [createRelay(), createRelay()]) relay.start();
  const several = Array.from({ length: 12 }, newAuction);
  for (const auction of several) await send(startOf(auction));
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  for (const n of numbers) await Promise.all(several.map((auction) => send(extension(auction, n))));
  await until("all deliveries", async () => (await undelivered()).length === 0);
  for (const auction of several) expect(await told(auction)).toEqual(numbers);
});

test("a message to a process that was never started, or is over, is dropped and starts nothing", async () => {
  const [never, over] = [newAuction(), newAuction()];
  const relay = createRelay();
  await send(startOf(over));
  await drained(relay);
  await handleOf(over).terminate();
  const { runId } = await handleOf(over).describe();

  await send(extension(never, 1), extension(over, 1), startOf(over), extension(over, 2));
  await drained(relay);
  expect(await undelivered()).toEqual([]);
  await expect(handleOf(never).describe()).rejects.toThrow("not found");
  expect(await handleOf(over).describe()).toMatchObject({ runId });
  expect(await statusOf(handleOf(over))).toBe("TERMINATED");
  expect(await told(over)).toEqual([]);
});

test("starting a process that is running leaves it alone", async () => {
  const auction = newAuction();
  const relay = createRelay();
  await send(startOf(auction));
  await drained(relay);
  const { runId } = await handleOf(auction).describe();
  await send(startOf({ ...auction, endsAtMs: 1 }), extension(auction, 1));
  await drained(relay);
  expect(await handleOf(auction).describe()).toMatchObject({ runId });
  expect(await told(auction)).toEqual([1]);
});

test("a server that takes calls and never answers holds nobody up: the message waits, another relay delivers it", async () => {
  const sockets = new Set<Socket>();
  const silent: Server = createServer((socket) => sockets.add(socket.on("error", () => undefined)));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const port = Object(silent.address()).port;
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
  const cutOff = createRelay({
    client: new Client({ connection, namespace: client.options.namespace }),
    deliveryTimeoutMs: 500,
  });
  const auction = newAuction();
  await send(startOf(auction));
  await cutOff.drain();
  expect(await undelivered()).toMatchObject([{ attempts: 1, waits: true }]);
  const relay = createRelay();
  relay.start();
  await until("the delivery", async () => (await undelivered()).length === 0);
  expect(await statusOf(handleOf(auction))).toBe("RUNNING");
  for (const socket of sockets) socket.destroy();
  silent.close();
  await connection.close();
});
