// Migrates the database of DATABASE_URL; a process of its own, so that a running launcher never
// applies migrations as they were when it started.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repositoryRoot } from "./paths.ts";

const file = join(repositoryRoot, "src/db/migrate.ts");
if (existsSync(file)) {
  const module: { migrate: (url: string) => Promise<readonly string[]> } = await import(
    pathToFileURL(file).href
  );
  const applied = await module.migrate(process.env["DATABASE_URL"] ?? "");
  process.stdout.write(`${applied.length} migrations applied ${applied.join(" ")}\n`);
}
