// Who leads a job, and for how long.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ActivityCancellationDetails } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { lead } from "../../src/activities/leading.ts";
import type { Database } from "../../src/db/database.ts";
import { openDatabase } from "../support/database.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

let names = 0;

/** Leads as an activity; the answer tells whether there is to be another round, and ends the work. */
async function leadAsActivity(environment: MockActivityEnvironment): Promise<{
  readonly running: () => boolean;
  readonly end: () => void;
  readonly result: Promise<unknown>;
}> {
  const begun = Promise.withResolvers<() => boolean>();
  const ended = Promise.withResolvers<void>();
  const stopping = new AbortController().signal;
  const name = `leading-${(names += 1)}`;
  const result = environment.run(() =>
    lead({ db, stopping }, name, async (_leader, running) => {
      begun.resolve(running);
      await ended.promise;
    }),
  );
  return { running: await begun.promise, end: () => ended.resolve(), result };
}

test("a heartbeat that nobody acknowledged is no order to stop: the lock still holds", async () => {
  const environment = new MockActivityEnvironment();
  const { running, end, result } = await leadAsActivity(environment);
  expect(running()).toBe(true);
  environment.cancel("TIMED_OUT", new ActivityCancellationDetails({ timedOut: true }));
  expect(running()).toBe(true);
  end();
  await result;
});

test.each([{ cancelRequested: true }, { notFound: true }, { paused: true }])(
  "what the server says is an order: %j",
  async (details) => {
    const environment = new MockActivityEnvironment();
    const { running, end, result } = await leadAsActivity(environment);
    environment.cancel("CANCELLED", new ActivityCancellationDetails(details));
    expect(running()).toBe(false);
    end();
    await expect(result).rejects.toThrow();
  },
);
