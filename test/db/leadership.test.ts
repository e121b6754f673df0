import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Database } from "../../src/db/database.ts";
import { withLeadership } from "../../src/db/leadership.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  db = new Database({ url: database.url, applicationName: "test" });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const never = new AbortController().signal;

test("one leads at a time, and the next leads when the first is done", async () => {
  const order: string[] = [];
  const release = Promise.withResolvers<void>();
  const leading = Promise.withResolvers<void>();
  const first = withLeadership(db, "job", never, async () => {
    leading.resolve();
    await release.promise;
    order.push("first");
  });
  await leading.promise;
  const second = withLeadership(db, "job", never, async () => void order.push("second"));
  release.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["first", "second"]);
});

test("a leader that is frozen is shut out: its connection is ended and its next write fails", async () => {
  const leading = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  const frozen = withLeadership(db, "frozen", never, async (leader) => {
    leading.resolve();
    await thawed.promise;
    await leader.query("INSERT INTO event_sequence (only_row, last_seq) VALUES (false, 1)");
  });
  const outcome = frozen.catch((error: unknown) => error);
  await leading.promise;
  const taken = await withLeadership(db, "frozen", never, async () => "taken over");
  expect(taken).toBe("taken over");
  thawed.resolve();
  expect(await outcome).toMatchObject({ code: "leadership_lost", kind: "retry" });
});

test("npm run reindex keeps the lock for as long as its transaction works", async () => {
  const reindex = new Database({ url: database.url, applicationName: "reindex" });
  const leading = Promise.withResolvers<void>();
  const forgetting = withLeadership(reindex, "stream", never, (leader) =>
    leader.transaction(async (tx) => {
      leading.resolve();
      await tx.query("SELECT pg_sleep(4)");
      return "forgotten";
    }),
  );
  await leading.promise;
  const worker = withLeadership(db, "stream", never, async () => "worker");
  expect(await forgetting).toBe("forgotten");
  expect(await worker).toBe("worker");
  await reindex.close();
});

test("other names do not wait for each other", async () => {
  expect(
    await withLeadership(db, "a", never, () => withLeadership(db, "b", never, async () => "both")),
  ).toBe("both");
});

test("what a leader does in a transaction is not mixed with its other queries", async () => {
  await db.query("CREATE TABLE turns (n int)");
  await withLeadership(db, "turns", never, async (leader) => {
    const failing = leader.transaction(async (tx) => {
      await tx.query("INSERT INTO turns VALUES (1)");
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error("rolled back");
    });
    const outside = leader.query("INSERT INTO turns VALUES (2)");
    await expect(failing).rejects.toThrow("rolled back");
    await outside;
  });
  expect(await db.query("SELECT n FROM turns")).toEqual([{ n: 2 }]);
});

test("whoever waits for leadership stops waiting when asked to", async () => {
  const abort = new AbortController();
  await withLeadership(db, "stop", never, async () => {
    const waiting = withLeadership(db, "stop", abort.signal, async () => "led");
    abort.abort(new Error("shutting down"));
    await expect(waiting).rejects.toThrow("shutting down");
  });
});

test("events are numbered without a gap and in the order of their commits, also when many write at once", async () => {
  const write = (rollBack: boolean) =>
    db
      .transaction(async (tx) => {
        await tx.query(`INSERT INTO events (type, audience, data) VALUES ('t', '{public}', '{}')`);
        if (rollBack) throw new Error("rolled back");
        await tx.query(`INSERT INTO events (type, audience, data) VALUES ('t', '{public}', '{}')`);
      })
      .catch(() => undefined);
  await Promise.all(Array.from({ length: 40 }, (_, index) => write(index % 4 === 0)));
  const rows = await db.query<{ seq: number }>("SELECT seq FROM events ORDER BY seq");
  expect(rows.map((one) => one.seq)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
});
