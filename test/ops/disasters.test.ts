/**
 * A whole part is lost: the Temporal server, the database, or the last hour of it. What the others know brings everything back.
 */
import pg from "pg";
import { migrate } from "../../src/db/migrate.ts";
import { meetingWorkflowId } from "../../src/domain/process.ts";
import { reconcileNow } from "../../src/workers/schedule.ts";
import { OpsStage, WHY } from "./stage.ts";

const OPEN = 12;

let stage: OpsStage;
/** Auctions far from their end, and one that is sold and whose meeting is a day away. */
let open: string[];
let sold: string;
let meetingId: string;

beforeAll(async () => {
  stage = await OpsStage.start({
    ownTemporal: true,
    // Each auction that is sold takes six of them, and workflows wait for the clock of this machine.
    lagS: 60,
    timing: { keepUpEveryMs: 500, reconcileCron: "*/2 * * * * * *" },
  });
  stage.startWorker();
  await stage.healthy();
  open = [];
  for (let index = 0; index < OPEN; index += 1) open.push(await stage.chain.create(3_600));
  sold = await stage.chain.create(6, { bid: true, over: true });
  meetingId = await soldMeeting(sold);
  await stage.healthy();
});
afterAll(async () => {
  await admin(`DROP DATABASE IF EXISTS ${backupName()}`);
  await stage.stop();
});

/** Waits until the auction is sold and its meeting has a process; its id. */
async function soldMeeting(auctionId: string): Promise<string> {
  const found = await stage.until(`the meeting of ${auctionId}`, async () => {
    const [row] = await stage.sight.db.query<{ id: string }>(
      "SELECT id FROM meetings WHERE auction_id = $1",
      [auctionId],
    );
    return row !== undefined && (await isRunning(meetingWorkflowId(row.id))) ? row : undefined;
  });
  return found.id;
}

async function isRunning(workflowId: string): Promise<boolean> {
  const handle = stage.sight.client.workflow.getHandle(workflowId);
  return handle.describe().then(
    ({ status }) => status.name === "RUNNING",
    () => false,
  );
}

async function allRun(): Promise<void> {
  const ids = [...open.map((id) => stage.workflow(id).workflowId), meetingWorkflowId(meetingId)];
  await stage.until("every process", async () => {
    const running = await Promise.all(ids.map(isRunning));
    return running.every(Boolean) || ids.filter((_, index) => !running[index]);
  });
}

const databaseName = (): string => new URL(stage.env["DATABASE_URL"] ?? "").pathname.slice(1);
const backupName = (): string => `${databaseName()}_backup`;

/** Works in the maintenance database while nobody uses the product's. */
async function admin(...statements: readonly string[]): Promise<void> {
  const url = new URL(stage.env["DATABASE_URL"] ?? "");
  url.pathname = "/postgres";
  const client = new pg.Client(url.href);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The product's database is gone, and this stands in its place. */
async function replaceDatabase(template: string): Promise<void> {
  await stage.reconnect();
  const name = databaseName();
  await admin(`DROP DATABASE ${name} WITH (FORCE)`, `CREATE DATABASE ${name} TEMPLATE ${template}`);
}

const projections = (): Promise<object[]> =>
  stage.sight.db.query(
    "SELECT auction_id, host, phase, ends_at, high_bid_wei, winner, pass_owner, bid_count, steps FROM auctions ORDER BY auction_id",
  );
const bids = (): Promise<object[]> =>
  stage.sight.db.query("SELECT auction_id, bidder, amount_wei FROM bids ORDER BY auction_id");

async function lastSeq(): Promise<number> {
  const [row] = await stage.sight.db.query<{ seq: number }>(
    "SELECT last_seq AS seq FROM event_sequence",
  );
  return row?.seq ?? 0;
}

/** Every auction has one meeting at most, and none has two processes. */
async function nothingIsDoubled(): Promise<void> {
  const meetings = await stage.sight.db.query<{ id: string }>(
    "SELECT id FROM meetings WHERE auction_id = $1",
    [sold],
  );
  expect(meetings).toEqual([{ id: meetingId }]);
  let running = 0;
  const query = `WorkflowType = 'meeting' AND ExecutionStatus = 'Running' AND AuctionId = '${sold}'`;
  for await (const _ of stage.sight.client.workflow.list({ query })) running += 1;
  expect(running).toBe(1);
}

test("with an empty Temporal server and an intact database and chain, every auction comes back", async () => {
  await stage.whileWorkerIsFrozen(async () => {
    await stage.wipeTemporal();
    await stage.finds("process-lost");
  });
  await allRun();
  await stage.healthy();
  await nothingIsDoubled();
  const next = await stage.chain.create(6, { bid: true, over: true });
  await soldMeeting(next);
});

test("with an empty database and an intact chain and Temporal, every projection comes back, and the meeting with it", async () => {
  // By this mark it is known that the database has gone back.
  await reconcileNow(stage.sight.client);
  const before = { auctions: await projections(), bids: await bids() };
  await stage.stopWorker();
  await replaceDatabase("template0");
  await migrate(stage.env["DATABASE_URL"] ?? "");
  expect((await stage.finds("database-went-back")).what).toContain("the database is empty");
  expect((await stage.finds("meeting-unknown")).what).toContain(meetingId);

  stage.startWorker();
  await stage.until("the projections", async () =>
    (await projections()).length === before.auctions.length ? true : undefined,
  );
  const answer = await stage.ops("after-restore", "--json", ...WHY);
  expect(answer).toMatchObject({ code: 0, stderr: "" });
  expect({ auctions: await projections(), bids: await bids() }).toEqual(before);
  await allRun();
  await nothingIsDoubled();
  await stage.healthy();
});

test("with a database restored from a backup, nothing that the chain or a process knows is lost", async () => {
  await stage.stopWorker();
  await stage.reconnect();
  await admin(`CREATE DATABASE ${backupName()} TEMPLATE ${databaseName()}`);
  stage.startWorker();
  const later = await stage.chain.create(6, { bid: true, over: true });
  const open2 = await stage.chain.create(3_600);
  const laterMeeting = await soldMeeting(later);
  await stage.reaches(open2, "bidding");
  await reconcileNow(stage.sight.client);
  // People are told of this one too, and nobody but them remembers how it was numbered.
  await stage.reaches(await stage.chain.create(3_600), "bidding");
  const told = await lastSeq();
  const before = { auctions: await projections(), bids: await bids() };
  await stage.stopWorker();
  await replaceDatabase(backupName());
  expect((await stage.finds("database-went-back")).what).toContain("restored from a backup");

  stage.startWorker();
  await stage.until("the projections", async () =>
    (await projections()).length === before.auctions.length ? true : undefined,
  );
  expect((await stage.ops("after-restore", ...WHY)).code).toBe(0);
  expect(await lastSeq()).toBeGreaterThan(told);
  expect({ auctions: await projections(), bids: await bids() }).toEqual(before);
  const meetings = await stage.sight.db.query("SELECT id FROM meetings WHERE auction_id = $1", [
    later,
  ]);
  expect(meetings).toEqual([{ id: laterMeeting }]);
  await stage.healthy();
  // The wallet goes on with nonces that the backup does not know.
  const next = await stage.chain.create(6, { bid: true, over: true });
  await soldMeeting(next);
  await stage.healthy();
});
