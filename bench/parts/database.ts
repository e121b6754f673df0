// A Postgres of its own, migrated, as durable as in production: what a commit costs is part of the figures.
import { join } from "node:path";
import { runMigrations } from "../../dev/stack/parts.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startPostgres } from "../../dev/stack/postgres.ts";
import { Database } from "../../src/db/database.ts";
import type { BenchContext } from "../bench.ts";
import { makeFolder } from "./folder.ts";

export async function startDatabase(context: BenchContext): Promise<{ readonly db: Database }> {
  const { folder, processes } = makeFolder(context);
  const { postgres: port } = await freePorts();
  const server = await startPostgres({
    processes,
    dataDir: join(folder, "postgres"),
    port,
    database: "bench",
  });
  // A process of its own, as its library writes to the terminal.
  await runMigrations(processes, server.url());
  const db = new Database({ url: server.url(), applicationName: "bench" });
  context.atEnd(() => db.close());
  return { db };
}
