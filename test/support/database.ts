import { Database } from "../../src/db/database.ts";
import type { PoolOptions } from "../../src/db/pool.ts";

/**
 * The pool of a test. The time-outs of the product are for its servers; a busy machine needs more, and only a hang reaches
 * these. createTestDatabase puts the one of connections into the URL.
 */
export function openDatabase(
  url: string,
  options: Omit<Partial<PoolOptions>, "url"> = {},
): Database {
  return new Database({
    url,
    applicationName: "test",
    statementTimeoutMs: 240_000,
    ...options,
  });
}
