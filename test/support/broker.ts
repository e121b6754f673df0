import { existsSync } from "node:fs";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startPostgres } from "../../dev/stack/postgres.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { productSearchAttributes } from "../../dev/stack/search-attributes.ts";
import { startTemporal } from "../../dev/stack/temporal.ts";

/** What a test file is told about the one Postgres server of this run. */
export interface PostgresAnswer {
  readonly adminUrl: string;
  readonly template: string;
}

/** What a test file is told about the one Temporal server of this run. */
export interface TemporalAnswer {
  readonly address: string;
  /** Nobody else's in this run. */
  readonly namespace: string;
}

export interface Broker {
  readonly url: string;
  close(): Promise<void>;
}

const TEMPLATE = "migrated_template";
/** Made when the server starts, where they cost nothing; a later one would take seconds to be known. */
const NAMESPACES = Array.from({ length: 64 }, (_, index) => `test-${index}`);

/**
 * Starts servers when a test file first asks for them, one of each per jest run, all with throw-away
 * data. Runs in jest's main process; test files ask over HTTP (test/support/stack.ts).
 */
export async function startBroker(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-test-"));
  chmodSync(folder, 0o755); // Postgres may run as another user
  const processes = createProcesses({ logDir: join(folder, "logs") });
  processes.removeIfKilled(folder);

  const ports = once(freePorts);
  const postgres = once(async (): Promise<PostgresAnswer> => {
    const { postgres: port } = await ports();
    const server = await startPostgres({
      processes,
      dataDir: join(folder, "postgres"),
      port,
      database: TEMPLATE,
      throwAway: true,
    });
    await migrateTemplate(server.url());
    return { adminUrl: server.url("postgres"), template: TEMPLATE };
  });
  const temporal = once(async (): Promise<{ address: string }> => {
    const { temporal: port, temporalHttp: httpPort } = await ports();
    const searchAttributes = await productSearchAttributes();
    return startTemporal({ processes, port, httpPort, searchAttributes, namespaces: NAMESPACES });
  });
  let namespaces = 0;

  async function answer(path: string): Promise<unknown> {
    if (path === "/postgres") return postgres();
    if (path === "/temporal") {
      const { address } = await temporal();
      const namespace = NAMESPACES[namespaces];
      namespaces += 1;
      if (namespace === undefined)
        throw new Error(`more than ${NAMESPACES.length} namespaces asked for in one run`);
      return { address, namespace } satisfies TemporalAnswer;
    }
    throw new Error(`the broker knows no ${path}`);
  }

  const server = createServer((request, response) => {
    answer(request.url ?? "").then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(error instanceof Error ? (error.stack ?? error.message) : String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await processes.stopAll();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs the project's migrations; the template stays empty while there are none. */
async function migrateTemplate(url: string): Promise<void> {
  const file = join(repositoryRoot, "src/db/migrate.ts");
  if (!existsSync(file)) return;
  const { migrate } = (await import(pathToFileURL(file).href)) as {
    migrate(databaseUrl: string): Promise<unknown>;
  };
  await migrate(url);
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= start());
}
