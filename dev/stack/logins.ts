import { DB_ROLES } from "../../src/db/privileges.ts";
import type { Role } from "./app.ts";
import { query } from "./postgres.ts";

/** Whoever logs in to the local database as themselves: the processes, and `npm run ops`. */
type Login = Role | "ops";

/** Whose rights each has. */
const MEMBER_OF: Readonly<Record<Login, readonly string[]>> = {
  api: [DB_ROLES.api],
  worker: [DB_ROLES.auctionWorker, DB_ROLES.chainWorker],
  ops: [DB_ROLES.operator],
};

/**
 * Makes a login for each process that may do what its part of the product may, and no more, so that whatever a part comes to
 * need besides is noticed here. Returns their URLs of the database.
 */
export async function ensureLogins(ownerUrl: string): Promise<Readonly<Record<Login, string>>> {
  const urlOf = async (role: Login): Promise<string> => {
    const name = `local_${role}`;
    const found = await query(ownerUrl, "select from pg_roles where rolname = $1", [name]);
    // The port listens on this machine alone, and the data is nobody's.
    if (found.length === 0) await query(ownerUrl, `create role ${name} login password 'local'`);
    await query(ownerUrl, `grant ${MEMBER_OF[role].join(", ")} to ${name}`);
    const url = new URL(ownerUrl);
    url.username = name;
    url.password = "local";
    return url.href;
  };
  return { api: await urlOf("api"), worker: await urlOf("worker"), ops: await urlOf("ops") };
}
