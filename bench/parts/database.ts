// A Postgres of its own, migrated, as durable as in production: what a commit costs is part of the figures.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../dev/stack/ports.ts";
import { startPostgres } from "../../dev/stack/postgres.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { Database } from "../../src/db/database.ts";
import { migrate } from "../../src/db/migrate.ts";

export async function startDatabase(): Promise<{ readonly db: Database; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "meeting-auction-bench-"));
  chmodSync(folder, 0o755); // Postgres may run as another user
  const pidFile = join(folder, "processes.json");
  const processes = createProcesses({ logDir: join(folder, "logs"), pidFile });
  const { postgres: port } = await freePorts();
  const server = await startPostgres({
    processes,
    dataDir: join(folder, "postgres"),
    port,
    database: "bench",
  });
  await migrate(server.url());
  const db = new Database({ url: server.url(), applicationName: "bench" });
  return {
    db,
    async stop() {
      await db.close();
      await processes.stopAll();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
