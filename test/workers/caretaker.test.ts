// Jobs whose leader is gone or frozen, while Temporal does not give them to anybody.
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { ChainJob } from "../../src/activities/chain-jobs.ts";
import type { Database } from "../../src/db/database.ts";
import { holdersOf, takeLeadership, withLeadership } from "../../src/db/leadership.ts";
import { Caretaker } from "../../src/workers/caretaker.ts";
import { Client } from "pg";
import { openDatabase } from "../support/database.ts";
import { testLogger } from "../support/logs.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
let db: Database;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

let names = 0;

/** A job that works until it is told to end, and tells when it begins. */
function createJob(result = "turn-over"): {
  readonly job: ChainJob<string>;
  readonly begun: Promise<void>;
  readonly times: () => number;
} {
  const begun = Promise.withResolvers<void>();
  let times = 0;
  const job: ChainJob<string> = {
    name: `job-${(names += 1)}`,
    work: async (_leader, turn) => {
      times += 1;
      begun.resolve();
      while (turn.isRunning && result === "turn-over")
        await turn.rest(new Promise((resolve) => setTimeout(resolve, 50)));
      return result;
    },
  };
  return { job, begun: begun.promise, times: () => times };
}

function takeCareOf(job: ChainJob<string>): void {
  const stopping = new AbortController();
  const caretaker = new Caretaker({
    db,
    jobs: [job],
    logger: testLogger(),
    stopping: stopping.signal,
  });
  caretaker.start();
  stops.push(async () => {
    stopping.abort();
    await caretaker.stop();
  });
}

const rounds = async (count: number): Promise<void> => {
  for (let round = 0; round < count; round += 1)
    await new Promise((resolve) => setTimeout(resolve, 500));
};

test("a job that nobody does is taken up, by one of two, and left to the worker that Temporal gives it to", async () => {
  const { job, begun, times } = createJob();
  takeCareOf(job);
  takeCareOf(job);
  await begun;
  expect(await holdersOf(db, [job.name])).toMatchObject([{ pid: expect.any(Number) }]);
  expect(times()).toBe(1);
  const never = new AbortController().signal;
  await withLeadership(db, job.name, never, async (leader) => {
    expect(await leader.query("SELECT 1")).toHaveLength(1);
  });
});

test("a leader that is frozen loses the lock, and can write no more", async () => {
  const { job, begun } = createJob();
  const frozen = Promise.withResolvers<unknown>();
  const thawed = Promise.withResolvers<void>();
  void takeLeadership(db, job.name, undefined, async (leader) => {
    // No beat: the process is stopped.
    await leader.query("SELECT 1");
    takeCareOf(job);
    await thawed.promise;
    frozen.resolve(await leader.query("SELECT 1").catch((error: unknown) => error));
  }).catch(() => undefined);
  await begun;
  thawed.resolve();
  expect(await frozen.promise).toMatchObject({ code: "leadership_lost" });
});

test("a leader that beats, and one with a slow statement, are left alone", async () => {
  const [beating, slow] = [createJob(), createJob()];
  const done = Promise.withResolvers<void>();
  const leads = [
    takeLeadership(db, beating.job.name, undefined, async (leader) => {
      const heart = setInterval(() => leader.beat(), 500);
      await done.promise;
      clearInterval(heart);
      return "kept";
    }),
    takeLeadership(db, slow.job.name, undefined, async (leader) => {
      await leader.query("SELECT pg_sleep(5)");
      return "kept";
    }),
  ];
  for (const { job } of [beating, slow]) takeCareOf(job);
  expect(await leads[1]).toBe("kept");
  done.resolve();
  expect(await leads[0]).toBe("kept");
  expect([beating.times(), slow.times()]).toEqual([0, 0]);
});

test("a leader of an older build, which does not beat, is left alone", async () => {
  const { job, times } = createJob();
  const old = new Client({
    connectionString: database.url,
    application_name: `worker leader ${job.name}`,
  });
  await old.connect();
  try {
    await old.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [job.name]);
    takeCareOf(job);
    await rounds(10);
    expect(times()).toBe(0);
    expect((await old.query("SELECT 1")).rowCount).toBe(1);
  } finally {
    await old.end();
  }
});

test("a job with nothing to do is not taken up again and again", async () => {
  const { job, begun, times } = createJob("paused");
  takeCareOf(job);
  await begun;
  await rounds(10);
  expect(times()).toBe(1);
});
