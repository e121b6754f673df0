import { first, type Queryable } from "./database.ts";

/**
 * What the API shows of auctions and their bids. All of it is of one chain and contract, the configured one; amounts
 * and on-chain ids come as decimal text, addresses in lower case.
 */
export interface Deployment {
  readonly chainId: number;
  /** Lower-case. */
  readonly contract: string;
}

export interface Step {
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly at?: string;
}

export interface AuctionRow {
  readonly auctionId: string;
  readonly host: string;
  /** As the API tells it: `ending` once the chain's clock has reached the end and the end is not yet on chain. */
  readonly phase: "bidding" | "ending" | "sold" | "unsold" | "cancelled" | "closed";
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly originalEndsAt: Date;
  readonly meetingStartsAt: Date;
  readonly meetingDurationS: number;
  readonly reservePriceWei: string;
  readonly minIncrementWei: string;
  readonly feeBps: number;
  readonly transferable: boolean;
  readonly highBidder: string | null;
  readonly highBidWei: string | null;
  readonly bidCount: number;
  readonly winner: string | null;
  readonly passOwner: string | null;
  readonly outcome: number | null;
  readonly hostPaidWei: string | null;
  readonly refundWei: string | null;
  readonly steps: Readonly<Record<string, Step>>;
  readonly version: number;
  readonly title: string | null;
  readonly description: string | null;
}

/** The chain's own clock; ours until the indexer has seen a block. */
const CHAIN_NOW = `coalesce((SELECT to_timestamp(timestamp_s) FROM chain_blocks WHERE chain_id = $1 ORDER BY number DESC LIMIT 1), now())`;

const AUCTION = `
  SELECT a.auction_id AS "auctionId", a.host, a.starts_at AS "startsAt", a.ends_at AS "endsAt", a.original_ends_at AS "originalEndsAt",
         CASE WHEN a.phase = 'bidding' AND a.ends_at <= ${CHAIN_NOW} THEN 'ending' ELSE a.phase END AS phase,
         a.meeting_starts_at AS "meetingStartsAt", a.meeting_duration_s AS "meetingDurationS",
         a.reserve_price_wei AS "reservePriceWei", a.min_increment_wei AS "minIncrementWei",
         a.fee_bps AS "feeBps", a.transferable, a.high_bidder AS "highBidder", a.high_bid_wei AS "highBidWei", a.bid_count AS "bidCount",
         a.winner, a.pass_owner AS "passOwner", a.outcome, a.host_paid_wei AS "hostPaidWei", a.refund_wei AS "refundWei",
         a.steps, a.version, l.title, l.description
  FROM auctions a LEFT JOIN auction_listings l USING (chain_id, contract, auction_id)
  WHERE a.chain_id = $1 AND a.contract = $2`;

/** One auction as the indexer knows it. */
export async function findAuction(
  db: Queryable,
  at: Deployment,
  auctionId: string,
): Promise<AuctionRow | undefined> {
  return first<AuctionRow>(db, `${AUCTION} AND a.auction_id = $3`, [
    at.chainId,
    at.contract,
    auctionId,
  ]);
}

/** Which of these auctions exist. */
export async function existingAuctions(
  db: Queryable,
  at: Deployment,
  auctionIds: readonly string[],
): Promise<readonly string[]> {
  const rows = await db.query<{ id: string }>(
    "SELECT auction_id AS id FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = ANY($3::numeric[])",
    [at.chainId, at.contract, auctionIds],
  );
  return rows.map((row) => row.id);
}

/** A place in the list of active auctions. */
export type ActiveKey = readonly [endsAtMs: number, auctionId: string];

/** Auctions that take bids by the chain's clock, by end time; `after` is the last one already seen. */
export async function activeAuctions(
  db: Queryable,
  at: Deployment,
  page: {
    readonly after: ActiveKey | undefined;
    readonly descending: boolean;
    readonly limit: number;
  },
): Promise<readonly AuctionRow[]> {
  const [than, order] = page.descending ? ["<", "DESC"] : [">", "ASC"];
  const seek =
    page.after === undefined
      ? ""
      : `AND (a.ends_at, a.auction_id) ${than} (to_timestamp($4::double precision / 1000), $5::numeric)`;
  return db.query<AuctionRow>(
    `${AUCTION} AND a.phase = 'bidding' AND a.ends_at > ${CHAIN_NOW} ${seek} ORDER BY a.ends_at ${order}, a.auction_id ${order} LIMIT $3`,
    [at.chainId, at.contract, page.limit, ...(page.after ?? [])],
  );
}

/** Auctions hosted by any of the wallets, newest first. */
export async function auctionsOfHosts(
  db: Queryable,
  at: Deployment,
  page: {
    readonly wallets: readonly string[];
    readonly before: string | undefined;
    readonly limit: number;
  },
): Promise<readonly AuctionRow[]> {
  const seek = page.before === undefined ? "" : "AND a.auction_id < $5::numeric";
  return db.query<AuctionRow>(
    `${AUCTION} AND a.host = ANY($4::text[]) ${seek} ORDER BY a.auction_id DESC LIMIT $3`,
    [
      at.chainId,
      at.contract,
      page.limit,
      page.wallets,
      ...(page.before === undefined ? [] : [page.before]),
    ],
  );
}

export interface BidRow {
  readonly bidder: string;
  readonly amountWei: string;
  readonly placedAt: Date;
  readonly endsAt: Date;
  readonly transactionHash: string;
  readonly blockNumber: number;
  readonly logIndex: number;
}

/** A place in the list of bids. */
export type BidKey = readonly [blockNumber: number, logIndex: number];

/** The bids of an auction, newest first. */
export async function bidsOf(
  db: Queryable,
  at: Deployment,
  auctionId: string,
  page: { readonly before: BidKey | undefined; readonly limit: number },
): Promise<readonly BidRow[]> {
  const seek =
    page.before === undefined ? "" : "AND (block_number, log_index) < ($5::bigint, $6::int)";
  return db.query<BidRow>(
    `SELECT bidder, amount_wei AS "amountWei", placed_at AS "placedAt", ends_at AS "endsAt", transaction_hash AS "transactionHash",
            block_number AS "blockNumber", log_index AS "logIndex"
     FROM bids WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 ${seek}
     ORDER BY block_number DESC, log_index DESC LIMIT $4`,
    [at.chainId, at.contract, auctionId, page.limit, ...(page.before ?? [])],
  );
}

/** How long a transaction that was announced may take to be mined, in days. */
const ANNOUNCED_DAYS = 7;
/** Of one user; nobody looks whether there is such a transaction. */
const MAX_ANNOUNCED = 100;

/**
 * Keeps what a user says about the auction that a transaction will create, and which one of several is meant; the indexer's
 * transaction makes it the listing. One that has announced too many loses the oldest.
 */
export async function announceListing(
  db: Queryable,
  said: Omit<ListingRow, "auctionId"> & {
    readonly transactionHash: string;
    readonly auctionId?: string | undefined;
  },
): Promise<void> {
  await db.query(
    "INSERT INTO announced_auctions (transaction_hash, user_id, auction_id, title, description) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    [said.transactionHash, said.userId, said.auctionId ?? null, said.title, said.description],
  );
  await db.query(
    `DELETE FROM announced_auctions WHERE user_id = $1 AND ctid IN (
       SELECT ctid FROM announced_auctions WHERE user_id = $1 ORDER BY created_at DESC, transaction_hash, auction_id OFFSET $2)`,
    [said.userId, MAX_ANNOUNCED],
  );
}

/** Forgets announcements that came to nothing, or did long ago. Returns how many. */
export async function forgetAnnouncements(db: Queryable): Promise<number> {
  const rows = await db.query(
    "DELETE FROM announced_auctions WHERE created_at < now() - make_interval(days => $1) RETURNING 1",
    [ANNOUNCED_DAYS],
  );
  return rows.length;
}

export interface ListingRow {
  readonly auctionId: string;
  readonly userId: string;
  readonly title: string;
  readonly description: string;
}

/**
 * Keeps what a host says about an auction. The first telling stands: repeats, and another transaction hash for the same
 * auction, change nothing. Returns what stands.
 */
export async function saveListing(
  db: Queryable,
  at: Deployment,
  listing: ListingRow & { readonly transactionHash: string },
): Promise<ListingRow> {
  await db.query(
    `INSERT INTO auction_listings (chain_id, contract, auction_id, user_id, title, description, transaction_hash)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (chain_id, contract, auction_id) DO UPDATE SET user_id = excluded.user_id, title = excluded.title,
       description = excluded.description, transaction_hash = excluded.transaction_hash, created_at = now()
     -- Ids are a counter: the creation that had this id before has left the chain, and its title with it.
     WHERE auction_listings.transaction_hash <> excluded.transaction_hash`,
    [
      at.chainId,
      at.contract,
      listing.auctionId,
      listing.userId,
      listing.title,
      listing.description,
      listing.transactionHash,
    ],
  );
  const row = await first<ListingRow>(
    db,
    `SELECT auction_id AS "auctionId", user_id AS "userId", title, description FROM auction_listings WHERE chain_id = $1 AND contract = $2 AND auction_id = $3`,
    [at.chainId, at.contract, listing.auctionId],
  );
  if (row === undefined)
    throw new Error(
      `the listing of auction ${listing.auctionId} is gone right after it was written`,
    );
  return row;
}
