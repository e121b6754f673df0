// node test/db/migrate-to.ts URL [NAME]: brings a database to a migration, or to the newest, and prints the names of those
// that ran. A process of its own, because jest cannot load MikroORM's migrations.
import { createOrm, migrate } from "../../src/db/migrate.ts";

const [url = "", to] = process.argv.slice(2);

async function migrateTo(name: string): Promise<readonly string[]> {
  const orm = createOrm(url);
  try {
    return (await orm.migrator.up({ to: name })).map((one) => one.name);
  } finally {
    await orm.close(true);
  }
}

process.stdout.write(JSON.stringify(to === undefined ? await migrate(url) : await migrateTo(to)));
