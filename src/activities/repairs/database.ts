import { addMissingAuction, insertBidsOf, replayAuction } from "../../chain/indexing/auctions.ts";
import { STREAM } from "../../chain/indexing/store.ts";
import type { Database, Queryable } from "../../db/database.ts";
import { enqueue } from "../../db/outbox.ts";
import type { OperationKind, OperationSettledMessage } from "../../domain/process.ts";
import { isolated } from "./isolated.ts";
import type { RepairOptions } from "./processes.ts";

type Options = Pick<RepairOptions, "db" | "chainId" | "auctionContract" | "logger"> & {
  /** CHAIN_FINALITY_DEPTH */
  readonly finalityDepth: number;
};

/**
 * Auctions that canonical logs tell of and that have no row are projected again from those logs. The indexer's cursor is locked
 * meanwhile, so that no block is applied between reading and writing.
 */
export async function missingProjections(options: Options): Promise<number> {
  const { db, chainId, auctionContract, logger } = options;
  const missing = await db.query<{ auctionId: string }>(
    `SELECT DISTINCT l.auction_id AS "auctionId" FROM chain_logs l
     WHERE l.chain_id = $1 AND l.address = $2 AND l.event = 'AuctionCreated' AND l.canonical
       AND NOT EXISTS (SELECT FROM auctions a WHERE a.chain_id = l.chain_id AND a.contract = l.address AND a.auction_id = l.auction_id)`,
    [chainId, auctionContract],
  );
  let added = 0;
  for (const { auctionId } of missing) {
    const project = async (tx: Queryable): Promise<boolean> => {
      // The indexer takes the two locks in the other order; whoever waits here gives way.
      await tx.query("SET LOCAL lock_timeout = '500ms'");
      await tx.query("SELECT FROM chain_cursors WHERE chain_id = $1 AND stream = $2 FOR UPDATE", [
        chainId,
        STREAM,
      ]);
      const auction = await replayAuction(tx, chainId, auctionContract, auctionId);
      if (auction === undefined || !(await addMissingAuction(tx, auction))) return false;
      await insertBidsOf(tx, chainId, auctionContract, auctionId);
      return true;
    };
    const isNew = await isolated(logger, `auction ${auctionId}`, () => db.transaction(project));
    if (isNew !== true) continue;
    added += 1;
    logger.warn("an auction that the logs tell of had no row and got one", { auctionId });
  }
  return added;
}

interface StuckOperation {
  readonly key: string;
  readonly kind: OperationKind;
  readonly workflowId: string;
  readonly nonce: number | null;
  readonly winner: string | null;
  readonly highBidWei: string | null;
  readonly blockNumber: number;
  readonly transactionHash: string;
}

const STEP = `CASE o.kind WHEN 'end' THEN 'ended' WHEN 'mint' THEN 'minted' ELSE 'settled' END`;

/**
 * Operations that wait although the chain shows, deeper than any reorg, that what they are for has happened: somebody else did it
 * while our wallet had no money, or the wallet is no longer served. Their processes are told.
 */
export async function stuckOperations(options: Options): Promise<number> {
  const { db, chainId, auctionContract, finalityDepth, logger } = options;
  return db.transaction(async (tx) => {
    const stuck = await tx.query<StuckOperation>(
      `SELECT o.key, o.kind, o.workflow_id AS "workflowId", o.nonce, a.winner, a.high_bid_wei AS "highBidWei",
         (a.steps->(${STEP})->>'blockNumber')::bigint AS "blockNumber", a.steps->(${STEP})->>'transactionHash' AS "transactionHash"
       FROM chain_operations o JOIN auctions a USING (chain_id, contract, auction_id)
         JOIN chain_cursors c ON c.chain_id = o.chain_id AND c.stream = $4
       WHERE o.chain_id = $1 AND o.contract = $2 AND NOT o.settled
         AND (a.steps->(${STEP})->>'blockNumber')::bigint <= c.block_number - $3
       LIMIT 500 FOR UPDATE OF o SKIP LOCKED`,
      [chainId, auctionContract, finalityDepth, STREAM],
    );
    for (const operation of stuck) {
      await settleByOther(tx, operation);
      logger.warn(
        "an operation that the chain shows as done was still waiting: its process is told",
        {
          key: operation.key,
          transactionHash: operation.transactionHash,
        },
      );
    }
    return stuck.length;
  });
}

/**
 * One that has a nonce keeps it: what it was sent with may still be included, and does nothing. One that has none is final, as its
 * effect is.
 */
async function settleByOther(tx: Queryable, operation: StuckOperation): Promise<void> {
  const { key, kind, winner, highBidWei, blockNumber, transactionHash } = operation;
  const sale =
    kind === "end" && winner !== null && highBidWei !== null
      ? { winner, amountWei: highBidWei }
      : {};
  const message: OperationSettledMessage = {
    key,
    kind,
    status: "done",
    blockNumber,
    transactionHash,
    ...sale,
  };
  await tx.query(
    `UPDATE chain_operations SET settled = true, result = $2, reason = 'done_by_other', updated_at = now(),
       state = CASE WHEN nonce IS NULL THEN 'final' ELSE state END WHERE key = $1`,
    [key, JSON.stringify(message)],
  );
  await enqueue(tx, [
    {
      kind: "signal",
      workflowId: operation.workflowId,
      payload: { signal: "operationSettled", args: [message] },
    },
  ]);
}

/** Messages that waited through many failed deliveries are tried again now. */
export async function stuckMessages(db: Database): Promise<number> {
  const rows = await db.query(
    "UPDATE outbox SET not_before = now() WHERE delivered_at IS NULL AND created_at < now() - interval '1 minute' RETURNING id",
  );
  if (rows.length > 0) await db.query("SELECT pg_notify('outbox', '')");
  return rows.length;
}
