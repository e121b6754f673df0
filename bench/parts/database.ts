// A Postgres of its own, migrated, as durable as in production: what a commit costs is part of the figures.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../../dev/stack/paths.ts";
import { freePorts } from "../../dev/stack/ports.ts";
import { startPostgres } from "../../dev/stack/postgres.ts";
import { createProcesses } from "../../dev/stack/processes.ts";
import { Database } from "../../src/db/database.ts";

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
  // A process of its own, as its library writes to the terminal.
  execFileSync(process.execPath, [join(repositoryRoot, "dev/stack/migrate.ts")], {
    env: { ...process.env, DATABASE_URL: server.url() },
    stdio: ["ignore", "ignore", "inherit"],
  });
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
