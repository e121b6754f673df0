// Connections to Postgres that fall silent: what is sent on them vanishes, and nothing is closed.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Database } from "../../src/db/database.ts";
import { withLeadership } from "../../src/db/leadership.ts";
import { Listener } from "../../src/db/listen.ts";
import { type DarkProxy, startDarkProxy } from "../support/dark-proxy.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A pool of its own behind a proxy of its own. */
async function behindProxy(
  work: (db: Database, proxy: DarkProxy, errors: Error[]) => Promise<void>,
): Promise<void> {
  const proxy = await startDarkProxy(database.url);
  const errors: Error[] = [];
  const db = new Database({
    url: proxy.through(database.url),
    applicationName: "silence-test",
    onError: (error) => errors.push(error),
  });
  try {
    await work(db, proxy, errors);
  } finally {
    await db.close();
    await proxy.close();
  }
}

const SILENT = { code: "database_unavailable", kind: "retry" };

test.concurrent("a query on a silent connection fails soon, the next one has a new connection", () =>
  behindProxy(async (db, proxy, errors) => {
    await Promise.all([1, 2, 3].map(() => db.query("SELECT pg_sleep(0.1)")));
    expect(proxy.accepted).toBe(3);
    proxy.goDark();
    await expect(db.query("SELECT 1")).rejects.toMatchObject(SILENT);
    await expect(db.transaction((tx) => tx.query("SELECT 1"))).resolves.toHaveLength(1);
    expect(errors[0]).toMatchObject(SILENT);
  }));

test.concurrent("a transaction on a silent connection fails soon, and holds no lock any more", () =>
  behindProxy(async (db, proxy) => {
    const lock = "SELECT pg_advisory_xact_lock(4711)";
    await expect(
      db.transaction(async (tx) => {
        await tx.query(lock);
        proxy.goDark();
        await tx.query("SELECT 1");
      }),
    ).rejects.toMatchObject(SILENT);
    await db.transaction((tx) => tx.query(lock));
  }));

test.concurrent("a slow statement is not taken for silence, nor is one that waits for a lock", () =>
  behindProxy(async (db, _proxy, errors) => {
    const slow = db.query("SELECT pg_sleep(5)");
    await db.transaction(async (tx) => {
      await tx.query("SELECT pg_advisory_xact_lock(4712)");
      const waiting = db.transaction((other) => other.query("SELECT pg_advisory_xact_lock(4712)"));
      await slow;
      await tx.query("SELECT 1");
      void waiting;
    });
    expect(errors).toEqual([]);
  }));

test.concurrent("a statement that only computes, and waits for nothing, is not taken for silence either", () =>
  behindProxy(async (db, _proxy, errors) => {
    await db.query(
      `DO $$ DECLARE began timestamptz := clock_timestamp();
         BEGIN WHILE clock_timestamp() < began + interval '8 s' LOOP END LOOP; END $$`,
    );
    expect(errors).toEqual([]);
  }));

test.concurrent("a leader whose connection fell silent knows it, and another leads at once", () =>
  behindProxy(async (db, proxy) => {
    const never = new AbortController().signal;
    const first = withLeadership(db, "silent-test", never, async (leader) => {
      proxy.goDark();
      await leader.query("SELECT 1");
    });
    await expect(first).rejects.toMatchObject({ kind: "retry" });
    // Its end on the server frees the lock: nobody has to take it away.
    const held = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
      AND ((classid::bigint << 32) | objid::bigint) = hashtextextended('silent-test', 0)`;
    while ((await db.query(held)).length > 0) continue;
    await withLeadership(db, "silent-test", never, async () => undefined);
  }));

test.concurrent("who listens on a silent connection listens again on a new one", () =>
  behindProxy(async (db, proxy) => {
    let wakes = 0;
    let woken = Promise.withResolvers<void>();
    const listener = new Listener(db, ["events"], () => {
      wakes += 1;
      woken.resolve();
      woken = Promise.withResolvers<void>();
    });
    const next = (): Promise<void> => woken.promise;
    const first = next();
    listener.start();
    await first;
    const again = next();
    proxy.goDark();
    await again;
    expect(wakes).toBe(2);
    const told = next();
    await db.query("NOTIFY events");
    await told;
    await listener.close();
  }));
