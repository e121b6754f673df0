// Two API nodes as real processes, clients that lose their connections at random, one node killed and one restarted in turn. The
// same with 2,000 sockets: npm run bench -- --only realtime-storm.
import { freePorts } from "../../dev/stack/ports.ts";
import { Database } from "../../src/db/database.ts";
import { startParts, until } from "../process/support.ts";
import { Prng } from "../simulation/prng.ts";
import { seedAuction } from "../support/api.ts";
import { SEED, size } from "../support/random.ts";
import { type Client, gather } from "./crowd.ts";
import { startNode } from "./nodes.ts";
import { people, storm, verdict } from "./storm.ts";

const connectionsOf = (clients: readonly Client[]): number =>
  clients.reduce((sum, one) => sum + one.connections, 0);

/** How many people there are, each with four clients. */
const PEOPLE = size(12, 50);
const BIDS_PER_S = size(10, 25);

test("many clients have every event of theirs exactly once and in order, whatever happens to sockets and nodes", async () => {
  const prng = new Prng(SEED % 2 ** 32, "storm");
  const random = (): number => prng.next() / 2 ** 32;
  const parts = await startParts();
  const db = new Database({ url: parts.stack.env["DATABASE_URL"] ?? "", applicationName: "test" });
  const ports = await freePorts();
  const nodes = [
    await startNode(parts.stack, { api: ports.api, metrics: ports.apiMetrics }),
    await startNode(parts.stack, { api: ports.anvil, metrics: ports.workerMetrics }),
  ] as const;
  try {
    const auctionId = await seedAuction(db, { host: `0x${"1".repeat(40)}` });
    await db.query("UPDATE auctions SET contract = $1 WHERE auction_id = $2", [
      parts.stack.contracts.auctionAddress.toLowerCase(),
      auctionId,
    ]);
    const members = await people(db, parts.stack.env["JWT_SECRET"] ?? "", PEOPLE, 4);
    const clients = await gather(members, {
      ports: nodes.map((one) => one.port),
      auctionId,
      random,
    });
    const options = { db, clients, auctionId, random, bidsPerS: BIDS_PER_S, cutsPerS: 0.2 };
    const troubles = (async () => {
      await nodes[0].kill();
      await nodes[0].start();
      await nodes[1].stop();
      await nodes[1].start();
      // Otherwise nothing has happened to anybody.
      await until(async () => connectionsOf(clients) > 2 * clients.length);
    })();
    const bids = await storm(options, troubles);
    await troubles;
    const result = await verdict(options);
    for (const client of clients) await client.close();
    expect(result).toMatchObject({ missed: 0, doubled: 0, outOfOrder: 0, notTheirs: 0 });
    expect(result.deliveries).toBeGreaterThanOrEqual(bids * clients.length);
  } finally {
    for (const node of nodes) await node.stop().catch(() => undefined);
    await db.close();
    await parts.stop();
  }
}, 900_000);
