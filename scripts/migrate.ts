// `npm run migrate`: brings the schema of DATABASE_URL up to date and names what it applied.
import { loadDatabaseUrl } from "../src/config.ts";
import { migrate } from "../src/db/migrate.ts";
import { messageOf } from "../src/errors.ts";

try {
  const applied = await migrate(loadDatabaseUrl());
  for (const name of applied) process.stdout.write(`applied ${name}\n`);
  process.stdout.write(
    applied.length === 0 ? "the schema is up to date\n" : `${applied.length} applied\n`,
  );
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
