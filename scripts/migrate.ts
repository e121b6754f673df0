// `npm run migrate`: brings the schema of DATABASE_URL up to date, and what each part of the product may do in it, and names what
// it applied. With a password for each it makes their logins too, so that no process needs the owner's.
import { loadDatabaseUrl } from "../src/config.ts";
import { migrate } from "../src/db/migrate.ts";
import type { Login } from "../src/db/privileges.ts";
import { messageOf } from "../src/errors.ts";

const LOGINS = [
  { part: "api", name: "auction_api", variable: "API_DB_PASSWORD" },
  { part: "auctionWorker", name: "auction_worker", variable: "WORKER_DB_PASSWORD" },
  { part: "chainWorker", name: "chain_worker", variable: "CHAIN_WORKER_DB_PASSWORD" },
  { part: "operator", name: "operator", variable: "OPERATOR_DB_PASSWORD" },
] as const;

try {
  const logins = LOGINS.flatMap(({ part, name, variable }): Login[] => {
    const password = process.env[variable] ?? "";
    return password === "" ? [] : [{ part, name, password }];
  });
  const applied = await migrate(loadDatabaseUrl(), logins);
  for (const name of applied) process.stdout.write(`applied ${name}\n`);
  for (const { name } of logins) process.stdout.write(`${name} may log in\n`);
  process.stdout.write(
    applied.length === 0 ? "the schema is up to date\n" : `${applied.length} applied\n`,
  );
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
