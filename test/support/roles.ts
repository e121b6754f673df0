import { randomBytes } from "node:crypto";
import { query } from "../../dev/stack/postgres.ts";
import { DB_ROLES } from "../../src/db/privileges.ts";

/** The same database, entered with the rights of one part of the product and no others. */
export function asPart(databaseUrl: string, part: keyof typeof DB_ROLES): string {
  const url = new URL(databaseUrl);
  url.searchParams.set("options", `-c role=${DB_ROLES[part]}`);
  return url.href;
}

/** Logins of one database with the rights of a part of the product each, as deployments have them. */
export interface Logins {
  /** Of a worker that does both. */
  readonly worker: string;
  readonly ops: string;
  /** Call it when the database is gone. */
  drop(): Promise<void>;
}

/** Makes logins that nobody else in this run has. They outlive the database, as roles belong to the server. */
export async function createLogins(databaseUrl: string): Promise<Logins> {
  const suffix = randomBytes(8).toString("hex");
  const made: string[] = [];
  const login = async (name: string, roles: readonly string[]): Promise<string> => {
    const role = `${name}_${suffix}`;
    await query(
      databaseUrl,
      `create role ${role} login password 'test' in role ${roles.join(", ")}`,
    );
    made.push(role);
    const url = new URL(databaseUrl);
    url.username = role;
    url.password = "test";
    return url.href;
  };
  const admin = new URL(databaseUrl);
  admin.pathname = "/postgres";
  return {
    worker: await login("worker", [DB_ROLES.auctionWorker, DB_ROLES.chainWorker]),
    ops: await login("ops", [DB_ROLES.operator]),
    drop: async () => {
      for (const role of made) await query(admin.href, `drop role if exists ${role}`);
    },
  };
}
