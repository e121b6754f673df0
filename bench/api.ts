// The public reads under load, against a bare Koa handler that runs the same SQL.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { atLeast, type Bench, type BenchContext, type Figure, median } from "./bench.ts";
import { startPlace } from "./parts/crowd.ts";
import { startFloor } from "./parts/floor.ts";
import { seedAuction } from "../test/support/api.ts";

const AUCTIONS = 200;
const BIDS = 200;
const CONNECTIONS = 50;
const SECONDS = 6;
const ROUNDS = 3;

const run = promisify(execFile);
const autocannon = createRequire(import.meta.url).resolve("autocannon");

interface Load {
  readonly requests: { readonly average: number };
  readonly latency: { readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
}

/** Asks for a URL over many connections, from a process of its own. @throws Error when an answer was not 2xx */
async function load(url: string): Promise<Load> {
  const args = [autocannon, "-j", "-c", String(CONNECTIONS), "-d", String(SECONDS), url];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 24 });
  const result = JSON.parse(stdout) as Load;
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} other answers, ${result.errors} errors`);
  return result;
}

export const api: Bench = {
  name: "api",
  what: `public reads over ${CONNECTIONS} connections against bare Koa with the same SQL`,
  run: measure,
};

async function measure(context: BenchContext): Promise<Figure[]> {
  const { db, nodes, url, contract } = await startPlace(context, 1);
  const [node] = nodes;
  if (node === undefined) throw new Error("there is no node");
  const host = `0x${"1".repeat(40)}`;
  let id = "";
  for (let n = 0; n < AUCTIONS; n += 1) id = await seedAuction(db, { host });
  await db.query("UPDATE auctions SET contract = $1", [contract]);
  await db.query(
    `INSERT INTO bids (chain_id, block_hash, log_index, contract, auction_id, bidder, amount_wei, ends_at, block_number, placed_at, transaction_hash)
     SELECT 31337, '0x' || lpad(to_hex(n), 64, '0'), 0, $1, $2, $3, 1000 + n, now(), 10 + n, now(), '0x' || lpad(to_hex(n), 64, 'a')
     FROM generate_series(1, $4::int) n`,
    [contract, id, host, BIDS],
  );
  await db.query("ANALYZE");
  const floor = await startFloor(context, "bare-api.ts", [url, contract]);
  const figures: Figure[] = [];
  for (const [name, path] of [
    ["the active auctions", "/api/auctions/active"],
    ["one auction", `/api/auctions/${id}`],
    ["its bids", `/api/auctions/${id}/bids`],
  ] as const) {
    context.note(`${name}: ${ROUNDS} rounds of ${SECONDS} s each, in turn`);
    const rounds: { ours: Load; bare: Load }[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const bare = await load(`http://127.0.0.1:${floor.port}${path}`);
      const ours = await load(`http://127.0.0.1:${node.port}${path}`);
      // The first warms up both.
      if (round > 0) rounds.push({ ours, bare });
    }
    const perS = (of: "ours" | "bare"): number =>
      median(rounds.map((one) => one[of].requests.average));
    const ratio = median(
      rounds.map((one) => one.ours.requests.average / one.bare.requests.average),
    );
    figures.push(
      { name: `${name}, product`, value: perS("ours"), unit: "/s" },
      { name: `${name}, bare`, value: perS("bare"), unit: "/s" },
      {
        name: `${name}, p99`,
        value: median(rounds.map((one) => one.ours.latency.p99)),
        unit: "ms",
      },
      { name: `${name} ÷ bare`, value: ratio, unit: "×", target: atLeast(ratio, 0.6) },
    );
  }
  return figures;
}
