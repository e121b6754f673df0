import type { Queryable } from "../../db/database.ts";
import type { OperationKind } from "../../domain/process.ts";
import type { Fees } from "./fees.ts";

/** Why a transaction was signed for a nonce that has one already, or that has none and must not stay open. */
export type ReplacementReason =
  | "market"
  | "underpriced"
  | "stuck"
  | "moved"
  | "blocking"
  | "void"
  | "gap";

export type TransactionState =
  | "signed"
  | "broadcast"
  | "mined"
  | "final"
  | "replaced"
  | "void"
  | "consumed";

/** A signed transaction, as it is stored before anybody else may see it. */
export interface SignedTransaction extends Fees {
  readonly hash: string;
  readonly wallet: string;
  readonly nonce: number;
  readonly kind: OperationKind | "cancel";
  readonly operationKeys: readonly string[];
  readonly rawTransaction: string;
  readonly gasLimit: number;
  readonly replaces: string | null;
  readonly replacementReason: ReplacementReason | null;
  /** `fee_cap`: the market asks for more than may be paid; `refused`: no node takes a dearer one. It waits as it is. */
  readonly heldReason: string | null;
  readonly signedAtBlock: number;
}

export interface StoredTransaction extends SignedTransaction {
  readonly state: TransactionState;
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
  readonly lastSendError: string | null;
  /** Whether a node has, or may have, seen it. */
  readonly wasBroadcast: boolean;
  readonly createdAt: Date;
}

/** Stores a signed transaction and gives its operations their one wallet and nonce. Must commit before the broadcast. */
export async function insertTransaction(
  tx: Queryable,
  chainId: number,
  transaction: SignedTransaction,
): Promise<void> {
  await tx.query(
    `INSERT INTO chain_transactions (hash, chain_id, wallet, nonce, kind, operation_keys, raw_transaction, gas_limit, max_fee_per_gas_wei,
       max_priority_fee_per_gas_wei, replaces, replacement_reason, held_reason, signed_at_block)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      transaction.hash,
      chainId,
      transaction.wallet,
      transaction.nonce,
      transaction.kind,
      transaction.operationKeys,
      transaction.rawTransaction,
      transaction.gasLimit,
      transaction.maxFeePerGasWei.toString(),
      transaction.maxPriorityFeePerGasWei.toString(),
      transaction.replaces,
      transaction.replacementReason,
      transaction.heldReason,
      transaction.signedAtBlock,
    ],
  );
  if (transaction.replaces !== null) return;
  await tx.query(
    "UPDATE chain_operations SET state = 'signed', wallet = $2, nonce = $3, updated_at = now() WHERE key = ANY($1)",
    [transaction.operationKeys, transaction.wallet, transaction.nonce],
  );
}

/** A node has it, or may have: from here on its nonce is taken for ever. */
export async function markBroadcast(
  db: Queryable,
  hash: string,
  sendError: string | null,
): Promise<void> {
  await db.query(
    `WITH sent AS (
       UPDATE chain_transactions SET state = CASE WHEN state = 'signed' THEN 'broadcast' ELSE state END,
         broadcast_at = coalesce(broadcast_at, now()), last_broadcast_at = now(), last_send_error = $2
       WHERE hash = $1 RETURNING chain_id, wallet, nonce)
     UPDATE chain_operations o SET state = 'broadcast', updated_at = now() FROM sent
     WHERE o.chain_id = sent.chain_id AND o.wallet = sent.wallet AND o.nonce = sent.nonce AND o.state = 'signed'`,
    [hash, sendError],
  );
}

/** Notes that every node refused the transaction for sure; it stays stored. */
export async function noteSendError(db: Queryable, hash: string, sendError: string): Promise<void> {
  await db.query("UPDATE chain_transactions SET last_send_error = $2 WHERE hash = $1", [
    hash,
    sendError,
  ]);
}

export async function markHeld(db: Queryable, hash: string, reason: string | null): Promise<void> {
  await db.query("UPDATE chain_transactions SET held_reason = $2 WHERE hash = $1", [hash, reason]);
}

/**
 * Every transaction of a nonce that is not settled, lowest nonce first and, within a nonce, the newest first: that is the
 * dearest, as each raises the fees of the one before. Void ones are
 * among them: should a node have taken one after all, its receipt is found.
 */
export async function openTransactions(
  db: Queryable,
  chainId: number,
  wallet: string,
): Promise<StoredTransaction[]> {
  const rows = await db.query<
    Omit<StoredTransaction, keyof Fees> & {
      maxFeePerGasWei: string;
      maxPriorityFeePerGasWei: string;
    }
  >(
    `SELECT hash, wallet, nonce, kind, operation_keys AS "operationKeys", raw_transaction AS "rawTransaction", gas_limit AS "gasLimit",
       max_fee_per_gas_wei AS "maxFeePerGasWei", max_priority_fee_per_gas_wei AS "maxPriorityFeePerGasWei", replaces,
       replacement_reason AS "replacementReason", held_reason AS "heldReason", signed_at_block AS "signedAtBlock", state,
       block_number AS "blockNumber", block_hash AS "blockHash", last_send_error AS "lastSendError", broadcast_at IS NOT NULL AS "wasBroadcast", created_at AS "createdAt"
     FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND state IN ('signed', 'broadcast', 'mined', 'void')
     ORDER BY nonce, max_fee_per_gas_wei DESC`,
    [chainId, wallet],
  );
  return rows.map((row) => ({
    ...row,
    maxFeePerGasWei: BigInt(row.maxFeePerGasWei),
    maxPriorityFeePerGasWei: BigInt(row.maxPriorityFeePerGasWei),
  }));
}

/** The transaction of each open nonce that counts: the newest that is not void; nonces lowest first. */
export function newestOfEachNonce(open: readonly StoredTransaction[]): StoredTransaction[] {
  const newest = new Map<number, StoredTransaction>();
  for (const one of open)
    if (one.state !== "void" && !newest.has(one.nonce)) newest.set(one.nonce, one);
  return [...newest.values()];
}

/** How many nonces a node's pool has to hold now. */
export function inFlight(open: readonly StoredTransaction[]): number {
  const mined = new Set(open.filter((one) => one.state === "mined").map((one) => one.nonce));
  return new Set(open.map((one) => one.nonce).filter((nonce) => !mined.has(nonce))).size;
}

/** A node that showed a head far ahead of the chain, for a moment: what was signed then counts from now. */
export async function forgetFalseHeights(
  db: Queryable,
  chainId: number,
  wallet: string,
  head: number,
): Promise<void> {
  await db.query(
    "UPDATE chain_transactions SET signed_at_block = $3 WHERE chain_id = $1 AND wallet = $2 AND signed_at_block > $3::bigint + 64 AND state IN ('signed', 'broadcast', 'mined', 'void')",
    [chainId, wallet, head],
  );
}

/**
 * The transaction is in a block. If it was in another one before (a reorg included it anew between two looks), what was told
 * of its operations may no longer be true: they are to be read again.
 */
export async function markMined(
  tx: Queryable,
  hash: string,
  receipt: { readonly blockNumber: number; readonly blockHash: string; readonly status: number },
): Promise<void> {
  await tx.query(
    `WITH before AS (SELECT block_hash IS NOT NULL AND block_hash <> $3 AS elsewhere FROM chain_transactions WHERE hash = $1), mined AS (
       UPDATE chain_transactions SET state = 'mined', held_reason = NULL, block_number = $2, block_hash = $3, status = $4 WHERE hash = $1 RETURNING chain_id, wallet, nonce)
     UPDATE chain_operations o SET state = 'mined', settled = settled AND NOT elsewhere, updated_at = now() FROM mined, before
     WHERE o.chain_id = mined.chain_id AND o.wallet = mined.wallet AND o.nonce = mined.nonce
       AND (o.state IN ('signed', 'broadcast') OR elsewhere AND o.state IN ('mined', 'refused'))`,
    [hash, receipt.blockNumber, receipt.blockHash, receipt.status],
  );
}

/**
 * The block of a mined transaction has left the chain: its nonce is live again and the same bytes are sent again. An operation
 * that had no effect in that block, and was not sent anywhere else since, is this transaction's again.
 */
export async function markVanished(tx: Queryable, hash: string): Promise<void> {
  await tx.query(
    `WITH vanished AS (
       UPDATE chain_transactions SET state = 'broadcast', block_number = NULL, block_hash = NULL, status = NULL
       WHERE hash = $1 RETURNING chain_id, wallet, nonce, operation_keys)
     UPDATE chain_operations o SET state = 'broadcast', settled = false, wallet = vanished.wallet, nonce = vanished.nonce, updated_at = now() FROM vanished
     WHERE o.key = ANY(vanished.operation_keys)
       AND (o.state = 'pending' OR o.wallet = vanished.wallet AND o.nonce = vanished.nonce AND o.state IN ('mined', 'final', 'refused'))`,
    [hash],
  );
}

/** The transaction can no longer vanish; what it was meant to replace, or was replaced by, is settled with it. */
export async function markFinal(
  tx: Queryable,
  chainId: number,
  transaction: StoredTransaction,
): Promise<void> {
  await tx.query(
    `UPDATE chain_transactions SET held_reason = NULL, state = CASE WHEN hash = $4 THEN 'final' ELSE 'replaced' END
     WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`,
    [chainId, transaction.wallet, transaction.nonce, transaction.hash],
  );
  await tx.query(
    `UPDATE chain_operations SET state = 'final', updated_at = now() WHERE chain_id = $1 AND wallet = $2 AND nonce = $3 AND state = 'mined'`,
    [chainId, transaction.wallet, transaction.nonce],
  );
}

/** The nonce was used, for good, by a transaction that is none of ours. */
export async function markConsumed(
  tx: Queryable,
  chainId: number,
  wallet: string,
  nonce: number,
  consumedBy: string | null,
): Promise<void> {
  await tx.query(
    `UPDATE chain_transactions SET state = 'consumed', consumed_by = $4, held_reason = NULL
     WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`,
    [chainId, wallet, nonce, consumedBy],
  );
}

/** Every node refused its bytes for good and none ever answered otherwise: they are never sent again. */
export async function markVoid(tx: Queryable, hash: string, reason: string): Promise<void> {
  await tx.query(
    "UPDATE chain_transactions SET state = 'void', last_send_error = $2 WHERE hash = $1",
    [hash, reason],
  );
}

/** Transactions called final whose nonce is not below `used`, which is what the chain counts now: lowest nonce first. */
export async function finalFrom(
  db: Queryable,
  chainId: number,
  wallet: string,
  used: number,
): Promise<{ readonly hash: string; readonly blockNumber: number; readonly blockHash: string }[]> {
  return db.query(
    `SELECT hash, block_number AS "blockNumber", block_hash AS "blockHash" FROM chain_transactions
     WHERE chain_id = $1 AND wallet = $2 AND nonce >= $3 AND state = 'final' ORDER BY nonce LIMIT 64`,
    [chainId, wallet, used],
  );
}
