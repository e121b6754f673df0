import { Migrator } from "@mikro-orm/migrations";
import { defineConfig, MikroORM } from "@mikro-orm/postgresql";
import { Migration20261122000000_initial } from "../../migrations/Migration20261122000000_initial.ts";
import { Migration20261123000000_chain_engine } from "../../migrations/Migration20261123000000_chain_engine.ts";
import { Migration20261123000001_withdrawn_meetings } from "../../migrations/Migration20261123000001_withdrawn_meetings.ts";
import { Migration20261123000002_cheaper_domains } from "../../migrations/Migration20261123000002_cheaper_domains.ts";
import { Migration20261123100000_secrets_at_rest } from "../../migrations/Migration20261123100000_secrets_at_rest.ts";
import { Migration20261123200000_claim_digests } from "../../migrations/Migration20261123200000_claim_digests.ts";
import { Migration20261123300000_meeting_access } from "../../migrations/Migration20261123300000_meeting_access.ts";
import { Migration20261123400000_every_coming_and_going } from "../../migrations/Migration20261123400000_every_coming_and_going.ts";
import { Migration20261123500000_stale_access } from "../../migrations/Migration20261123500000_stale_access.ts";
import { Migration20261123600000_idempotency_claims } from "../../migrations/Migration20261123600000_idempotency_claims.ts";
import { Migration20261123610000_announced_auctions } from "../../migrations/Migration20261123610000_announced_auctions.ts";
import { Migration20261123700000_event_retention } from "../../migrations/Migration20261123700000_event_retention.ts";
import { Migration20261123710000_kept_notifications } from "../../migrations/Migration20261123710000_kept_notifications.ts";
import { Migration20261123720000_webhooks } from "../../migrations/Migration20261123720000_webhooks.ts";
import { Migration20261123800000_operators } from "../../migrations/Migration20261123800000_operators.ts";
import { Migration20261123810000_creations } from "../../migrations/Migration20261123810000_creations.ts";
import { Migration20261123820000_done_by_others } from "../../migrations/Migration20261123820000_done_by_others.ts";
import { Migration20261123830000_announced_by_user } from "../../migrations/Migration20261123830000_announced_by_user.ts";
import { Migration20261130000000_unread_logs } from "../../migrations/Migration20261130000000_unread_logs.ts";
import { Migration20261201000000_announced_which } from "../../migrations/Migration20261201000000_announced_which.ts";
import { refused } from "../errors.ts";
import type { Pool } from "pg";
import { newClient } from "./connection.ts";
import type { PoolWatch } from "./pool.ts";
import { entities } from "./entities.ts";
import { DB_ROLES, ensureLogins, grantPrivileges, type Login } from "./privileges.ts";

/** Every released migration, oldest first. One that was released is never changed. */
const migrations = [
  Migration20261122000000_initial,
  Migration20261123000000_chain_engine,
  Migration20261123000001_withdrawn_meetings,
  Migration20261123000002_cheaper_domains,
  Migration20261123100000_secrets_at_rest,
  Migration20261123200000_claim_digests,
  Migration20261123300000_meeting_access,
  Migration20261123400000_every_coming_and_going,
  Migration20261123500000_stale_access,
  Migration20261123600000_idempotency_claims,
  Migration20261123610000_announced_auctions,
  Migration20261123700000_event_retention,
  Migration20261123710000_kept_notifications,
  Migration20261123720000_webhooks,
  Migration20261123800000_operators,
  Migration20261123810000_creations,
  Migration20261123820000_done_by_others,
  Migration20261123830000_announced_by_user,
  Migration20261130000000_unread_logs,
  Migration20261201000000_announced_which,
];

const MIGRATIONS_TABLE = "schema_migrations";

/**
 * MikroORM as this product uses it: entities for people's records, migrations for everything. With a watch its connections have the
 * limits of every pool here, which a migration must not have.
 */
export function createOrm(databaseUrl: string, watch?: PoolWatch): MikroORM {
  return new MikroORM(
    defineConfig({
      clientUrl: databaseUrl,
      entities,
      extensions: [Migrator],
      migrations: {
        tableName: MIGRATIONS_TABLE,
        snapshot: false,
        transactional: true,
        allOrNothing: true,
        migrationsList: migrations.map((migration) => ({ name: migration.name, class: migration })),
      },
      pool: { min: 0, max: 5 },
      // MikroORM makes a pool of its own, of what it is given here.
      ...(watch === undefined
        ? {}
        : {
            driverOptions: {
              ...watch.config,
              onPoolCreated: (pool: Pool) => watch.watch(pool),
            },
          }),
      discovery: { warnWhenNoEntities: false },
    }),
  );
}

/**
 * Brings the schema up to date, and what each part of the product may do in it. Returns the names of the migrations that ran.
 * Several processes take turns.
 * @throws AppError refuse `roles_missing` when logins are asked for and the user may not make roles
 */
export async function migrate(
  databaseUrl: string,
  logins: readonly Login[] = [],
): Promise<readonly string[]> {
  const orm = createOrm(databaseUrl);
  const turn = newClient({ connectionString: databaseUrl });
  try {
    await turn.connect();
    await turn.query("SELECT pg_advisory_lock(hashtextextended('migrate', 0))");
    const applied = await orm.migrator.up();
    const granted = await grantPrivileges(turn);
    if (logins.length > 0 && !granted)
      throw refused(
        "roles_missing",
        `the user of DATABASE_URL may not make roles: make ${Object.values(DB_ROLES).join(", ")} as one who may (CREATE ROLE … NOLOGIN), and run this again`,
      );
    await ensureLogins(turn, logins);
    return applied.map((one) => one.name);
  } finally {
    await turn.end();
    await orm.close(true);
  }
}

/** A database that does not answer within this is away, in milliseconds. */
const LOOK_LIMIT_MS = 5_000;

/** The names of migrations the database lacks. It only looks: MikroORM's own answer makes the table, and the database, where it misses them. */
export async function pendingMigrations(databaseUrl: string): Promise<readonly string[]> {
  const client = newClient({
    connectionString: databaseUrl,
    connectionTimeoutMillis: LOOK_LIMIT_MS,
    query_timeout: LOOK_LIMIT_MS,
  });
  try {
    await client.connect();
    const { rows: found } = await client.query(
      `SELECT FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1`,
      [MIGRATIONS_TABLE],
    );
    if (found.length === 0) return migrations.map((one) => one.name);
    const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${MIGRATIONS_TABLE}`);
    const applied = new Set(rows.map((row) => row.name));
    return migrations.map((one) => one.name).filter((name) => !applied.has(name));
  } finally {
    await client.end();
  }
}
