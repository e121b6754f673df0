// Starts the servers that test files ask for, one of each per jest run and with throw-away data, when
// the first of them asks (over HTTP, through test/support/stack.ts). A process of its own, started by
// the global set-up; it prints its URL and stops everything when its standard input closes, so that
// nothing stays behind even when jest is killed.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { failureBlock } from "../../dev/stack/errors.ts";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import type {
  CompiledProductAnswer,
  PostgresAnswer,
  TemporalAnswer,
  WorkflowBundleAnswer,
} from "./stack.ts";

const TEMPLATE = "migrated_template";
/** Made when the server starts, where they cost nothing; a later one would take seconds to be known. */
const NAMESPACES = Array.from({ length: 64 }, (_, index) => `test-${index}`);

const folder = mkdtempSync(join(tmpdir(), "meeting-auction-test-"));
chmodSync(folder, 0o755); // Postgres may run as another user
const processes = createProcesses({
  logDir: join(folder, "logs"),
  pidFile: join(folder, "processes.json"),
});
processes.removeIfKilled(folder);

const ports = once(freePorts);

const postgres = once(async (): Promise<PostgresAnswer> => {
  const { startPostgres } = await import("../../dev/stack/postgres.ts");
  const { postgres: port } = await ports();
  const dataDir = join(folder, "postgres");
  const server = await startPostgres({
    processes,
    dataDir,
    port,
    database: TEMPLATE,
    throwAway: true,
  });
  await migrateTemplate(server.url());
  return { adminUrl: server.url("postgres"), template: TEMPLATE };
});

const temporal = once(async () => {
  const { startTemporal } = await import("../../dev/stack/temporal.ts");
  const { productSearchAttributes } = await import("../../dev/stack/search-attributes.ts");
  const { temporal: port, temporalHttp: httpPort } = await ports();
  const searchAttributes = await productSearchAttributes();
  return startTemporal({ processes, port, httpPort, searchAttributes, namespaces: NAMESPACES });
});

/** The workflow code, bundled once for all files of the run. */
const workflowBundle = once(async (): Promise<WorkflowBundleAnswer> => {
  const { bundleWorkflows } = await import("../../src/workers/bundle.ts");
  const codePath = join(folder, "workflows.js");
  writeFileSync(codePath, await bundleWorkflows());
  return { codePath };
});

/** Fills the compile cache of the product once for all files of the run: a fresh clone has none. */
const compiledProduct = once(async (): Promise<CompiledProductAnswer> => {
  const child = processes.spawn({
    name: "load-product",
    command: process.execPath,
    args: [join(repositoryRoot, "test/support/load-product.ts")],
    env: process.env,
  });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(readFileSync(child.logFile, "utf8"));
  return { compileCache: process.env["NODE_COMPILE_CACHE"] ?? "" };
});

let namespacesGiven = 0;

async function answer(path: string): Promise<unknown> {
  if (path === "/postgres") return postgres();
  if (path === "/workflow-bundle") return workflowBundle();
  if (path === "/compiled-product") return compiledProduct();
  if (path === "/temporal") {
    const namespace = NAMESPACES[namespacesGiven];
    namespacesGiven += 1;
    if (namespace === undefined)
      throw new Error(`more than ${NAMESPACES.length} namespaces asked for in one run`);
    const { address } = await temporal();
    return { address, namespace } satisfies TemporalAnswer;
  }
  throw new Error(`the broker knows no ${path}`);
}

/** Runs the project's migrations; the template stays empty while there are none. */
async function migrateTemplate(url: string): Promise<void> {
  const file = join(repositoryRoot, "src/db/migrate.ts");
  if (!existsSync(file)) return;
  const module: { migrate: (databaseUrl: string) => Promise<unknown> } = await import(
    pathToFileURL(file).href
  );
  await module.migrate(url);
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start());
}

const server = createServer((request, response) => {
  // Askers come minutes apart: a connection kept for the next would be closed just as it is used again.
  response.setHeader("connection", "close");
  answer(request.url ?? "")
    .then((value) => response.end(JSON.stringify(value)))
    .catch((error: unknown) => response.writeHead(500).end(failureBlock(error)));
});

async function close(): Promise<void> {
  server.closeAllConnections();
  server.close();
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true });
}

// A Ctrl-C reaches the whole foreground group; jest ends first and then closes our input.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
process.stdin.resume().once("end", () => void close());
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(
    `http://127.0.0.1:${typeof address === "object" ? address?.port : address}\n`,
  );
});
