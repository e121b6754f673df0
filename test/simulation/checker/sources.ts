// All that the checker reads: the node, Postgres, and what the proxy recorded.
import { Client } from "pg";

/** A function that asks the node, past the proxy. */
export type AskNode = <T = unknown>(method: string, ...params: unknown[]) => Promise<T>;

/** The world a run left behind. Addresses are lower-case. */
export interface World {
  readonly ask: AskNode;
  readonly databaseUrl: string;
  readonly chainId: number;
  readonly auctionContract: string;
  readonly passContract: string;
  readonly wallets: readonly string[];
  readonly confirmations: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** Runs `work` with a connection of its own. */
export async function withDatabase<T>(
  url: string,
  work: (query: (sql: string, ...values: unknown[]) => Promise<Row[]>) => Promise<T>,
): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(async (sql, ...values) => (await client.query(sql, values)).rows);
  } finally {
    await client.end();
  }
}

export const lower = (value: unknown): string => String(value).toLowerCase();
