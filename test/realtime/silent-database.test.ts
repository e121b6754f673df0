// An API whose connections to Postgres fall silent: what is sent on them vanishes, and nothing is closed.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createOrm } from "../../src/db/migrate.ts";
import { PoolWatch } from "../../src/db/pool.ts";
import { createTestWorld, type TestApi, type TestWorld } from "../support/api.ts";
import { type DarkProxy, startDarkProxy } from "../support/dark-proxy.ts";
import { openDatabase } from "../support/database.ts";
import { connect, kind, tell, until } from "./support.ts";

let world: TestWorld;
let proxy: DarkProxy;
let api: TestApi;
let records: () => Promise<unknown>;
let close: () => Promise<void>;
beforeAll(async () => {
  world = await createTestWorld();
  proxy = await startDarkProxy(world.databaseUrl);
  const url = proxy.through(world.databaseUrl);
  const db = openDatabase(url);
  const watch = new PoolWatch({ url, applicationName: "silence-test" });
  const orm = createOrm(url, watch);
  records = () => orm.em.fork().getConnection().execute("SELECT 1 AS one");
  api = await world.start({ db, orm });
  close = async () => {
    await db.close();
    await orm.close(true);
    watch.close();
    await proxy.close();
  };
});
afterAll(async () => {
  await world.close();
  await close();
});

test("sockets get every event, and requests are answered again", async () => {
  const type = kind();
  const alice = await api.person();
  const { got } = await connect(api, { token: alice.token }, [type]);
  await tell(world.db, type, ["public"], { n: 1 });
  await until(() => got.length === 1);
  await records();
  proxy.goDark();
  await tell(world.db, type, ["public"], { n: 2 });
  await until(() => got.length === 2);
  expect(got.map(({ data }) => data["n"])).toEqual([1, 2]);
  // The first on each pool may be told that the database is away, and to come again.
  const ask = () => api.request("/api/notifications", { token: alice.token });
  expect([200, 503]).toContain((await ask()).status);
  expect((await ask()).status).toBe(200);
  // MikroORM has a pool of its own.
  await records().catch(() => undefined);
  expect(await records()).toEqual([{ one: 1 }]);
});
