// The connections of the product to Postgres.
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, expect, test } from "@jest/globals";
import { connectTimeoutMs } from "../../src/db/connection.ts";
import { Database } from "../../src/db/database.ts";
import { withLeadership } from "../../src/db/leadership.ts";
import { Listener } from "../../src/db/listen.ts";
import { migrate, pendingMigrations } from "../../src/db/migrate.ts";

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

/** A server that lets everybody in and says in the same breath that it is being stopped, as Postgres may. */
const stopping = createServer((socket) => {
  const message = (kind: string, body: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(kind), length, body]);
  };
  const fields = "SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0";
  socket.once("data", () =>
    socket.end(
      Buffer.concat([
        message("R", Buffer.alloc(4)),
        message("Z", Buffer.from("I")),
        message("E", Buffer.from(fields)),
      ]),
    ),
  );
  socket.on("error", () => undefined);
}).listen(0, "127.0.0.1");
afterAll(() => void stopping.close());

test("a server that is stopped just when it has let us in breaks that connection and not the process", async () => {
  if (!stopping.listening) await once(stopping, "listening");
  const address = stopping.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const url = `postgres://app:secret@127.0.0.1:${port}/app`;
  const db = new Database({ url, applicationName: "test" });
  await expect(db.query("SELECT 1")).rejects.toThrow();
  await expect(db.transaction((tx) => tx.query("SELECT 1"))).rejects.toThrow();
  const noSignal = new AbortController().signal;
  await expect(withLeadership(db, "x", noSignal, async () => undefined)).rejects.toThrow();
  await expect(pendingMigrations(url)).rejects.toThrow();
  await expect(migrate(url)).rejects.toThrow();
  let wakes = 0;
  const listener = new Listener(db, ["events"], () => (wakes += 1));
  listener.start();
  await once(stopping, "connection");
  await listener.close();
  expect(wakes).toBe(0);
  await db.close();
});
