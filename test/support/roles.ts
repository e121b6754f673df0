import { DB_ROLES } from "../../src/db/privileges.ts";

/** The same database, entered with the rights of one part of the product and no others. */
export function asPart(databaseUrl: string, part: keyof typeof DB_ROLES): string {
  const url = new URL(databaseUrl);
  url.searchParams.set("options", `-c role=${DB_ROLES[part]}`);
  return url.href;
}
