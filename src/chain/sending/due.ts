import { first, type Queryable } from "../../db/database.ts";
import { type Operation, OPERATION_COLUMNS } from "./operations.ts";

/** Which waiting operations a wallet may send: those of a contract, due by a block timestamp, as the chain stands. */
export interface Due {
  readonly chainId: number;
  readonly contract: string;
  /** Lower-case. */
  readonly wallet: string;
  /** The timestamp that the next block will carry at least. */
  readonly nextTimestampS: number;
  /** The newest block that no reorg takes back. */
  readonly finalBlock: number;
  /** Keys that must wait for the next round. */
  readonly except: readonly string[];
}

/**
 * Money is settled only for a sale that nothing can take back: a settlement that waits for its block while a reorg sells the
 * auction to somebody else would settle the new sale with the outcome of the old one. And only after a pass that nothing can
 * take back, once its mint has a nonce: after a reorg that drops both, another wallet's settlement may come first, and then no
 * pass can be minted any more. A mint that nobody has begun is not waited for; the meeting went by without it.
 */
const SETTLES_SOON = `kind = 'settle' AND EXISTS (
  SELECT FROM auctions a WHERE a.chain_id = o.chain_id AND a.contract = o.contract AND a.auction_id = o.auction_id
    AND (coalesce((a.steps->'ended'->>'blockNumber')::bigint > $3, true)
      OR coalesce((a.steps->'minted'->>'blockNumber')::bigint > $3, EXISTS (
        SELECT FROM chain_operations m WHERE m.kind = 'mint' AND m.chain_id = o.chain_id AND m.contract = o.contract
          AND m.auction_id = o.auction_id AND m.state NOT IN ('pending', 'refused')))))`;

/**
 * An operation that was included without effect is sent anew by the wallet whose nonce carried it: should a reorg take that
 * inclusion back, the order of its nonces keeps the two apart. Another wallet, with no such order, waits until nothing can.
 */
const ANOTHERS = `o.reason IS NOT NULL AND EXISTS (
  SELECT FROM chain_transactions t WHERE t.chain_id = o.chain_id AND t.wallet <> $4
    AND t.state IN ('signed', 'broadcast', 'mined') AND o.key = ANY(t.operation_keys)
    AND NOT EXISTS (SELECT FROM chain_transactions m WHERE m.chain_id = t.chain_id AND m.wallet = t.wallet AND m.nonce = t.nonce
      AND m.state = 'mined' AND m.block_number <= $3))`;

const MAY_GO = `state = 'pending' AND chain_id = $1 AND contract = $2 AND NOT (${SETTLES_SOON}) AND NOT (${ANOTHERS})`;

/**
 * Locks and returns operations whose time has come: ends first, as only they have a block to be in, then the oldest due.
 * What another wallet has locked is left to it.
 */
export async function claimDue(tx: Queryable, due: Due, limit: number): Promise<Operation[]> {
  return tx.query<Operation>(
    `SELECT ${OPERATION_COLUMNS} FROM chain_operations o WHERE ${MAY_GO} AND not_before_s <= $5 AND key <> ALL($6)
     ORDER BY kind = 'end' DESC, not_before_s, created_at LIMIT $7 FOR UPDATE OF o SKIP LOCKED`,
    [due.chainId, due.contract, due.finalBlock, due.wallet, due.nextTimestampS, due.except, limit],
  );
}

/** When the next waiting operation is due (block timestamp in seconds), or undefined when none waits. */
export async function nextDueS(
  db: Queryable,
  { chainId, contract, finalBlock, wallet }: Omit<Due, "nextTimestampS" | "except">,
): Promise<number | undefined> {
  const row = await first<{ dueS: number | null }>(
    db,
    `SELECT min(not_before_s) AS "dueS" FROM chain_operations o WHERE ${MAY_GO}`,
    [chainId, contract, finalBlock, wallet],
  );
  return row?.dueS ?? undefined;
}
