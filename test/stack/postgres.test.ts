import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../dev/stack/ports.ts";
import { query, startPostgres } from "../../dev/stack/postgres.ts";
import { runs } from "../../dev/stack/process-identity.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import type { Processes } from "../../dev/stack/processes.ts";

let made: string;
let folder: string;
let processes: Processes;

/** A folder that Postgres can enter, which may run as another user. */
function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "meeting-auction-postgres-"));
  chmodSync(path, 0o755);
  return path;
}

// One cluster for all tests, which begin with a copy of it: initdb takes seconds of processor time.
beforeAll(async () => {
  made = newFolder();
  const makers = createProcesses({ logDir: join(made, "logs") });
  const port = await freePort();
  const options = { processes: makers, port, database: "postgres", throwAway: true };
  await startPostgres({ ...options, dataDir: join(made, "data") });
  await makers.stopAll();
});
afterAll(() => rmSync(made, { recursive: true, force: true }));

beforeEach(() => {
  folder = newFolder();
  execFileSync("cp", ["-a", join(made, "data"), join(folder, "data")]);
  processes = createProcesses({ logDir: join(folder, "logs") });
});
afterEach(async () => {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
});

const start = async (database = "app", throwAway = true) => {
  const port = await freePort();
  return startPostgres({ processes, dataDir: join(folder, "data"), port, database, throwAway });
};

test("after a SIGKILL it starts again with what was committed", async () => {
  const first = await start("app", false);
  await query(first.url(), "create table kept (id int)");
  await query(first.url(), "insert into kept values (7)");
  first.process.kill("SIGKILL");
  await first.process.exited;
  expect(existsSync(join(folder, "data/postmaster.pid"))).toBe(true);

  const second = await start();
  expect(await query(second.url(), "select id from kept")).toEqual([{ id: 7 }]);
});

test("a pid file that names an unrelated running process does not stop it from starting", async () => {
  const first = await start();
  await first.process.stop();
  // The first line is the id of the server; Postgres believes it as long as that process runs.
  writeFileSync(join(folder, "data/postmaster.pid"), `${process.pid}\n${join(folder, "data")}\n`);
  const second = await start();
  expect(await query(second.url(), "select 1 as one")).toEqual([{ one: 1 }]);
  expect(runs(process.pid)).toBe(true);
});

test("a server that an earlier launcher left on the same data is ended first", async () => {
  const first = await start();
  const second = await start("other");
  expect(first.process.exit ?? (await first.process.exited)).toBeDefined();
  expect(await query(second.url(), "select current_database() as name")).toEqual([
    { name: "other" },
  ]);
});

test("a first start that was cut short is begun again", async () => {
  const first = await start();
  await first.process.stop();
  rmSync(join(folder, "data/PG_VERSION"));
  const second = await start();
  expect(await query(second.url(), "show server_version")).toEqual([
    { server_version: expect.stringMatching(/^18\./) as string },
  ]);
});

test("it listens on 127.0.0.1 only and speaks UTF-8 and UTC", async () => {
  const server = await start();
  const [settings] = await query(
    server.url(),
    `select current_setting('listen_addresses') as listen, current_setting('unix_socket_directories') as sockets,
            current_setting('server_encoding') as encoding, current_setting('timezone') as zone`,
  );
  expect(settings).toEqual({ listen: "127.0.0.1", sockets: "", encoding: "UTF8", zone: "UTC" });
});
