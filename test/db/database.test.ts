// The connections of the product to Postgres.
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, expect, test } from "@jest/globals";
import { connectTimeoutMs, Database } from "../../src/db/database.ts";

test.each([
  ["", 5_000],
  ["?sslmode=disable", 5_000],
  ["?connect_timeout=120", 120_000],
  ["?sslmode=disable&connect_timeout=0.5", 500],
  ["?connect_timeout=0", 5_000],
  ["?connect_timeout=-1", 5_000],
  ["?connect_timeout=soon", 5_000],
  ["?connect_timeout=", 5_000],
  ["?connect_timeout=1e12", 3_600_000],
  ["?connect_timeout=Infinity", 3_600_000],
])("a URL with %s waits %d ms for a connection", (query, ms) => {
  expect(connectTimeoutMs(`postgres://app:secret@127.0.0.1:5432/app${query}`)).toBe(ms);
});

const silent = createServer(() => undefined).listen(0, "127.0.0.1");
afterAll(() => void silent.close());

test("a server that accepts and says nothing is given up after connect_timeout, in the pool and outside it", async () => {
  if (!silent.listening) await once(silent, "listening");
  const address = silent.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const url = `postgres://app:secret@127.0.0.1:${port}/app?connect_timeout=0.2`;
  const db = new Database({ url, applicationName: "test" });
  await expect(db.query("SELECT 1")).rejects.toThrow(/timeout/);
  await expect(db.dedicated("test")).rejects.toThrow(/timeout/);
  await db.close();
});
