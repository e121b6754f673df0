// Who leads a job, and for how long.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ActivityCancellationDetails } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { lead, Turn, workAsLeader } from "../../src/activities/leading.ts";
import { Rounds } from "../../src/activities/rounds.ts";
import type { Database } from "../../src/db/database.ts";
import { withLeadership } from "../../src/db/leadership.ts";
import { openDatabase } from "../support/database.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";
import { until } from "../workflows/world.ts";

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

/** Leads as an activity, and hands the turn to the test. */
function leadAsActivity(environment: MockActivityEnvironment): {
  readonly turn: Promise<Turn>;
  readonly end: () => void;
  readonly result: Promise<unknown>;
} {
  const turn = Promise.withResolvers<Turn>();
  const ended = Promise.withResolvers<string>();
  const stopping = new AbortController().signal;
  const name = `leading-${(names += 1)}`;
  const work = async (_leader: unknown, given: Turn): Promise<string> => {
    turn.resolve(given);
    return ended.promise;
  };
  const result = environment.run(() => lead({ db, stopping }, { name, work }));
  return { turn: turn.promise, end: () => ended.resolve("done"), result };
}

test("a heartbeat that nobody acknowledged is no order to stop: the lock still holds", async () => {
  const environment = new MockActivityEnvironment();
  const { turn, end, result } = leadAsActivity(environment);
  const { isRunning } = await turn;
  expect(isRunning).toBe(true);
  environment.cancel("TIMED_OUT", new ActivityCancellationDetails({ timedOut: true }));
  expect((await turn).isRunning).toBe(true);
  end();
  expect(await result).toBe("done");
});

test.each([{ cancelRequested: true }, { notFound: true }, { paused: true }])(
  "what the server says is: %j",
  async (details) => {
    const environment = new MockActivityEnvironment();
    const { turn, end, result } = leadAsActivity(environment);
    await turn;
    environment.cancel("CANCELLED", new ActivityCancellationDetails(details));
    expect((await turn).isRunning).toBe(false);
    end();
    await expect(result).rejects.toThrow();
  },
);

test("a round that hangs costs the leadership, and its age is shown; a rest between rounds does not", async () => {
  const never = new AbortController().signal;
  const rounds = new Rounds();
  const rested = Promise.withResolvers<void>();
  const name = `leading-${(names += 1)}`;
  const leading = withLeadership(db, name, never, (leader) => {
    const turn = new Turn(never, 700);
    const work = (): Promise<string> =>
      rounds.during(name, turn, async () => {
        // Three beats.
        await turn.rest(new Promise((resolve) => setTimeout(resolve, 1_500)));
        rested.resolve();
        return new Promise<string>(() => undefined);
      });
    return workAsLeader(leader, turn, { name, work });
  });
  const outcome = leading.catch((error: unknown) => error);
  await rested.promise;
  await until("the age of the round", async () => (rounds.ages().get(name) ?? 0) > 0);
  expect(await outcome).toMatchObject({ code: "round_hangs", kind: "retry" });
  expect(await withLeadership(db, name, never, async () => "next")).toBe("next");
});

test("a rest ends with the turn", async () => {
  const ending = new AbortController();
  const turn = new Turn(ending.signal);
  const resting = turn.rest(new Promise(() => undefined));
  ending.abort();
  await resting;
  await turn.rest(new Promise(() => undefined));
});
