// The local stack with API nodes of the product, an auction to follow, and people who follow it.
import { join } from "node:path";
import { freePorts } from "../../dev/stack/ports.ts";
import { prepareStack } from "../../dev/stack/stack.ts";
import { Database } from "../../src/db/database.ts";
import type { Member } from "../../test/realtime/crowd.ts";
import { type Node, startNode } from "../../test/realtime/nodes.ts";
import { people } from "../../test/realtime/storm.ts";
import { seedAuction } from "../../test/support/api.ts";
import type { BenchContext } from "../bench.ts";
import { makeFolder } from "./folder.ts";

export const SOCKETS = 2_000;
/** Below what one user may have at one node (SOCKETS_PER_USER), also when all of them are at the same. */
const SOCKETS_EACH = 10;

/** Answers are not held against their schemas, as they are while the product is developed. */
const PRODUCTION = (databaseUrl: string): Record<string, string> => ({
  NODE_ENV: "production",
  DATABASE_URL: `${databaseUrl}${databaseUrl.includes("?") ? "&" : "?"}sslmode=disable`,
  LOG_LEVEL: "warn",
});

export interface Place {
  readonly db: Database;
  readonly nodes: readonly Node[];
  readonly auctionId: string;
  /** One for each socket. */
  readonly members: readonly Member[];
  /** Of the auctions, lower-case. */
  readonly contract: string;
  /** Of the database. */
  readonly url: string;
}

/** Starts so many API nodes as processes. Everything ends with the benchmark. */
export async function startPlace(context: BenchContext, count: number): Promise<Place> {
  context.note(
    `starting Postgres, Temporal, a chain and ${count} API ${count === 1 ? "node" : "nodes"}`,
  );
  const { folder } = makeFolder(context);
  const prepared = prepareStack({ dataDir: join(folder, "stack"), ports: "free", app: false });
  context.atEnd(prepared.stop);
  const stack = await prepared.start();
  const db = new Database({ url: stack.env["DATABASE_URL"] ?? "", applicationName: "bench" });
  context.atEnd(() => db.close());
  const nodes: Node[] = [];
  for (let n = 0; n < count; n += 1) {
    const { api, apiMetrics } = await freePorts();
    // Thousands come from one address, and some of them again and again.
    const RATE_LIMITS = "read:1000000,write:1000,auth:1000,integration:1000,refused:1000";
    const node = await startNode(
      stack,
      { api, metrics: apiMetrics },
      {
        ...PRODUCTION(stack.env["DATABASE_URL"] ?? ""),
        RATE_LIMITS,
      },
    );
    context.atEnd(() => node.stop());
    nodes.push(node);
  }
  const contract = stack.contracts.auctionAddress.toLowerCase();
  const auctionId = await seedAuction(db, { host: `0x${"1".repeat(40)}` });
  await db.query("UPDATE auctions SET contract = $1 WHERE auction_id = $2", [contract, auctionId]);
  const members = await people(
    db,
    stack.env["JWT_SECRET"] ?? "",
    SOCKETS / SOCKETS_EACH,
    SOCKETS_EACH,
  );
  return { db, nodes, auctionId, members, contract, url: stack.env["DATABASE_URL"] ?? "" };
}
