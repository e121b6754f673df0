// Events are written while clients lose their connections and nodes are killed; afterwards each client is held against the table.
import { setTimeout as delay } from "node:timers/promises";
import { randomBytes } from "node:crypto";
import { issueAccessToken } from "../../src/api/auth/tokens.ts";
import type { Database } from "../../src/db/database.ts";
import { recordEvents } from "../../src/db/events.ts";
import { Secret } from "../../src/secret.ts";
import type { Client, Member } from "./crowd.ts";

/** People with a wallet each, logged in `each` times. */
export async function people(
  db: Database,
  jwtSecret: string,
  count: number,
  each: number,
): Promise<Member[]> {
  const members: Member[] = [];
  for (let n = 0; n < count; n += 1) {
    const wallet = `0x${randomBytes(20).toString("hex")}`;
    const [user] = await db.query<{ id: string }>(
      `WITH one AS (INSERT INTO users (auth_type, identifier) VALUES ('email', $1) RETURNING id)
       INSERT INTO wallets (address, user_id, source) SELECT $2, id, 'challenge' FROM one RETURNING user_id AS id`,
      [`${wallet}@example.org`, wallet],
    );
    const userId = user?.id ?? "";
    const { token } = issueAccessToken(
      { id: userId, sessionEpoch: 0 },
      new Secret(jwtSecret),
      7_200,
    );
    for (let k = 0; k < each; k += 1) members.push({ userId, token, wallet });
  }
  return members;
}

/** What the indexer writes for a bid: the room of the auction, its host and whoever was outbid. */
export async function placeBid(
  db: Database,
  auctionId: string,
  wallets: readonly string[],
  n: number,
): Promise<void> {
  await db.transaction((tx) =>
    recordEvents(tx, [
      {
        type: "bid-placed",
        audience: [`auction:${auctionId}`, ...wallets.map((wallet) => `wallet:${wallet}`)],
        data: {
          auctionId,
          transactionHash: `0x${"ab".repeat(32)}`,
          blockNumber: 1_000 + n,
          bidder: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
          amountWei: String(10n ** 18n + BigInt(n)),
          endsAt: new Date().toISOString(),
          sentAtMs: Date.now(),
        },
      },
    ]),
  );
}

export interface StormOptions {
  readonly db: Database;
  readonly clients: readonly Client[];
  readonly auctionId: string;
  readonly random: () => number;
  readonly bidsPerS: number;
  /** Which share of the clients loses its connection each second. */
  readonly cutsPerS: number;
}

/** Bids, a note to somebody now and then, an event of another auction, and cut connections, until `stopped`. Returns how many bids. */
export async function storm(options: StormOptions, stopped: Promise<unknown>): Promise<number> {
  const { db, clients, auctionId, random, bidsPerS, cutsPerS } = options;
  let isOver = false;
  void stopped.finally(() => (isOver = true));
  const anyone = (): Client | undefined => clients[Math.floor(random() * clients.length)];
  const cutting = (async () => {
    while (!isOver) {
      await delay(100);
      for (const client of clients) if (random() < cutsPerS / 10) client.cut();
    }
  })();
  let bids = 0;
  const startedAtMs = Date.now();
  while (!isOver) {
    const outbid = anyone()?.member.wallet;
    await placeBid(db, auctionId, outbid === undefined ? [] : [outbid], bids);
    if (bids % 3 === 0)
      await db.transaction((tx) =>
        recordEvents(tx, [
          {
            type: "notification",
            audience: [`user:${anyone()?.member.userId}`],
            data: { n: bids },
          },
          { type: "bid-placed", audience: ["auction:999999"], data: {} },
        ]),
      );
    bids += 1;
    await delay(Math.max(0, startedAtMs + (bids * 1_000) / bidsPerS - Date.now()));
  }
  await cutting;
  return bids;
}

export interface Verdict {
  readonly deliveries: number;
  readonly missed: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  readonly notTheirs: number;
  readonly connections: number;
}

/** Waits until everybody has the last word, and compares what each was sent with what the table has for it. */
export async function verdict(options: StormOptions): Promise<Verdict> {
  const { db, clients, auctionId } = options;
  await db.transaction((tx) =>
    recordEvents(tx, [{ type: "auction-ended", audience: ["public"], data: {} }]),
  );
  const events = await db.query<{ seq: number; audience: string[] }>(
    "SELECT seq, audience FROM events WHERE type NOT IN ('session-ended', 'wallet-bound') ORDER BY seq",
  );
  const last = events.at(-1)?.seq ?? 0;
  while (!clients.every((one) => one.lastSeq >= last)) await delay(20);
  const counts = { deliveries: 0, missed: 0, doubled: 0, outOfOrder: 0, notTheirs: 0 };
  for (const { member, seen, startSeq = 0 } of clients) {
    const { userId, wallet } = member;
    const rooms = new Set(["public", `auction:${auctionId}`, `user:${userId}`, `wallet:${wallet}`]);
    const due = new Set(
      events
        .filter(({ seq, audience }) => seq > startSeq && audience.some((room) => rooms.has(room)))
        .map(({ seq }) => seq),
    );
    const got = new Set(seen);
    counts.deliveries += seen.length;
    counts.doubled += seen.length - got.size;
    counts.outOfOrder += seen.filter((seq, n) => n > 0 && seq < (seen[n - 1] ?? 0)).length;
    for (const seq of due) if (!got.has(seq)) counts.missed += 1;
    for (const seq of got) if (!due.has(seq)) counts.notTheirs += 1;
  }
  const connections = clients.reduce((sum, one) => sum + one.connections, 0);
  return { ...counts, connections };
}
