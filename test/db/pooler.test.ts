// Between the product and Postgres there may be a pooler: one that keeps sessions apart, or none.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { freePort, isTaken } from "../../dev/stack/ports.ts";
import { createProcesses, type Processes } from "../../dev/stack/processes.ts";
import { waitFor } from "../../dev/stack/wait.ts";
import { hasOwnSessions } from "../../src/db/pooler.ts";
import { testWith } from "../deployment/tools.ts";
import { createTestDatabase, type TestDatabase } from "../support/stack.ts";

let database: TestDatabase;
let folder: string;
let processes: Processes;
beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), "meeting-auction-pooler-"));
  chmodSync(folder, 0o755); // PgBouncer runs as another user.
  processes = createProcesses({ logDir: join(folder, "logs") });
});
afterAll(async () => {
  await processes?.stopAll();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** PgBouncer before the database. Returns the URL that leads through it. */
async function startPgBouncer(mode: "session" | "transaction"): Promise<string> {
  const { hostname, port, username, password, pathname } = new URL(database.url);
  const at = await freePort();
  const file = join(folder, `${mode}.ini`);
  const login = `user=${decodeURIComponent(username)}${password === "" ? "" : ` password=${decodeURIComponent(password)}`}`;
  writeFileSync(
    file,
    `[databases]\n* = host=${hostname} port=${port} ${login}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${at}\nunix_socket_dir =\nauth_type = any\npool_mode = ${mode}\n`,
  );
  // It refuses to run as root.
  const asUser = userInfo().uid === 0 ? ["-u", "nobody"] : [];
  const process = processes.spawn({
    name: `pgbouncer-${mode}`,
    command: "pgbouncer",
    args: [...asUser, file],
  });
  await waitFor(() => isTaken(at), { what: "PgBouncer", timeoutMs: 60_000, by: process });
  return `postgres://any@127.0.0.1:${at}${pathname}`;
}

test("connections to Postgres itself are sessions of their own", async () => {
  expect(await hasOwnSessions(database.url)).toBe(true);
});

testWith("pgbouncer")("PgBouncer in session mode keeps them, in transaction mode not", async () => {
  expect(await hasOwnSessions(await startPgBouncer("session"))).toBe(true);
  expect(await hasOwnSessions(await startPgBouncer("transaction"))).toBe(false);
});
