// What a run needs besides the chain: a migrated database, a Temporal namespace, and the workflow code bundled once.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorkflows } from "../../src/workers/bundle.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { ensureLogins } from "../../dev/stack/logins.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { createDatabase, query, startPostgres } from "../../dev/stack/postgres.ts";
import { createProcesses, type Processes } from "../../dev/stack/processes.ts";
import { productSearchAttributes } from "../../dev/stack/search-attributes.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";

export interface RunDatabase {
  /** As its owner. */
  readonly url: string;
  /** As the worker, which may do what it needs and no more. */
  readonly workerUrl: string;
  drop(): Promise<void>;
}

/** Parts that runs share. */
export interface Servers {
  /** Logs of runs go into folders below it. */
  readonly folder: string;
  readonly bundle: string;
  /** For NODE_COMPILE_CACHE of the workers. */
  readonly compileCache: string;
  database(): Promise<RunDatabase>;
  /** A namespace that no other run has. */
  temporal(): Promise<{ readonly address: string; readonly namespace: string }>;
  stop(this: void): Promise<void>;
}

const TEMPLATE = "simulation_template";

/** Bundles the product's workflow code into a file: every start of the worker would do it anew. */
async function writeBundle(folder: string): Promise<string> {
  const file = join(folder, "workflows.js");
  writeFileSync(file, await bundleWorkflows());
  return file;
}

/** In a process of its own, as the stack does it: its output goes to a log. */
async function migrate(processes: Processes, url: string): Promise<void> {
  const migration = processes.spawn({
    name: "migrate",
    command: process.execPath,
    args: [join(repositoryRoot, "dev/stack/migrate.ts")],
    env: { ...process.env, DATABASE_URL: url },
  });
  const { code } = await migration.exited;
  if (code !== 0) throw new Error(`the migrations failed: see ${migration.logFile}`);
}

/** Starts Postgres and Temporal with throw-away data, for at most `runs` runs. Ended even if this process is killed. */
export async function startServers(runs: number): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-simulation-"));
  chmodSync(folder, 0o755); // Postgres may run as another user
  const processes = createProcesses({ logDir: join(folder, "servers") });
  processes.removeIfKilled(folder);
  const stop = async (): Promise<void> => {
    await processes.stopAll();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const ports = await freePorts();
    const namespaces = Array.from({ length: runs }, (_, index) => `run-${index}`);
    const [postgres, temporal, bundle] = await Promise.all([
      startPostgres({
        processes,
        dataDir: join(folder, "postgres"),
        port: ports.postgres,
        database: TEMPLATE,
        throwAway: true,
      }),
      startTemporal({
        processes,
        port: ports.temporal,
        httpPort: ports.temporalHttp,
        searchAttributes: await productSearchAttributes(),
        namespaces,
      }),
      writeBundle(folder),
    ]);
    await migrate(processes, postgres.url());
    const { worker } = await ensureLogins(postgres.url());
    return {
      folder,
      bundle,
      compileCache: join(repositoryRoot, "node_modules/.cache/compiled"),
      async database() {
        const name = `run_${randomBytes(6).toString("hex")}`;
        await createDatabase(postgres.url("postgres"), name, TEMPLATE);
        return {
          url: postgres.url(name),
          workerUrl: Object.assign(new URL(worker), { pathname: `/${name}` }).href,
          async drop() {
            const sql = `drop database if exists "${name}" with (force)`;
            await query(postgres.url("postgres"), sql);
          },
        };
      },
      async temporal() {
        const namespace = namespaces.shift();
        if (namespace === undefined) throw new Error(`more than ${runs} runs were started`);
        return { address: temporal.address, namespace };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
