import { newClient } from "./connection.ts";

/** A database that does not answer within this is away, in milliseconds. */
const LOOK_LIMIT_MS = 5_000;

/**
 * Whether each connection is one session of the server. PgBouncer in transaction or statement mode hands the server's sessions from
 * one client to the next. Then an advisory lock belongs to nobody and LISTEN hears nothing, and both are what leaders and the feed
 * of events rely on: two workers would send from one wallet.
 */
export async function hasOwnSessions(databaseUrl: string): Promise<boolean> {
  const clients = [0, 1].map(() =>
    newClient({
      connectionString: databaseUrl,
      connectionTimeoutMillis: LOOK_LIMIT_MS,
      query_timeout: LOOK_LIMIT_MS,
    }),
  );
  try {
    for (const client of clients) await client.connect();
    const seen: Set<number>[] = clients.map(() => new Set());
    // One after the other: a pooler then has an idle session to give to the next.
    for (let round = 0; round < 3; round += 1)
      for (const [index, client] of clients.entries()) {
        const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
        for (const { pid } of rows) seen[index]?.add(pid);
      }
    return new Set(seen.flatMap((pids) => [...pids])).size === clients.length;
  } finally {
    for (const client of clients) await client.close();
  }
}
