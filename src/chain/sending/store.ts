import { first, type Queryable } from "../../db/database.ts";
import { enqueue } from "../../db/outbox.ts";
import type { OperationKind, OperationSettledMessage } from "../../domain/process.ts";
import type { Fees } from "./fees.ts";

/** An operation as the sender sees it. */
export interface Operation {
  readonly key: string;
  readonly kind: OperationKind;
  readonly auctionId: string;
  readonly outcome: number | null;
  readonly attempts: number;
  readonly workflowId: string;
  readonly settled: boolean;
}

export interface NewOperation {
  readonly key: string;
  readonly kind: OperationKind;
  readonly chainId: number;
  readonly contract: string;
  readonly auctionId: string;
  readonly outcome?: number;
  readonly notBeforeS: number;
  readonly workflowId: string;
}

const OPERATION = `key, kind, auction_id AS "auctionId", outcome, attempts, workflow_id AS "workflowId", settled`;

/**
 * Asks for an operation. Asking again changes nothing, except that an operation still waiting takes the later of both
 * times (an extension), and one that is already settled tells its workflow once more.
 */
export async function requestOperation(tx: Queryable, operation: NewOperation): Promise<void> {
  const [row] = await tx.query<{ settled: boolean; result: OperationSettledMessage | null }>(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, outcome, not_before_s, workflow_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (key) DO UPDATE SET
       not_before_s = CASE WHEN chain_operations.state = 'pending' THEN greatest(chain_operations.not_before_s, excluded.not_before_s) ELSE chain_operations.not_before_s END
     RETURNING settled, result`,
    [operation.key, operation.kind, operation.chainId, operation.contract, operation.auctionId, operation.outcome ?? null, operation.notBeforeS, operation.workflowId],
  );
  if (row?.settled === true && row.result !== null) {
    await enqueue(tx, [{ kind: "signal", workflowId: operation.workflowId, payload: { signal: "operationSettled", args: [row.result] } }]);
  }
}

/** Withdraws an operation that nobody has begun; true when it was still waiting. */
export async function withdrawOperation(tx: Queryable, key: string): Promise<boolean> {
  const rows = await tx.query("DELETE FROM chain_operations WHERE key = $1 AND state = 'pending' RETURNING key", [key]);
  return rows.length > 0;
}

/** Locks and returns operations whose time has come, oldest due first. Those that failed in a batch come alone. */
export async function claimDue(tx: Queryable, chainId: number, nextTimestampS: number, limit: number): Promise<Operation[]> {
  return tx.query<Operation>(
    `SELECT ${OPERATION} FROM chain_operations WHERE chain_id = $1 AND state = 'pending' AND not_before_s <= $2
     ORDER BY not_before_s, created_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [chainId, nextTimestampS, limit],
  );
}

/** When the next waiting operation is due (block timestamp in seconds), or undefined when none waits. */
export async function nextDueS(db: Queryable, chainId: number): Promise<number | undefined> {
  const row = await first<{ dueS: number | null }>(db, `SELECT min(not_before_s) AS "dueS" FROM chain_operations WHERE chain_id = $1 AND state = 'pending'`, [chainId]);
  return row?.dueS ?? undefined;
}

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
  readonly signedAtBlock: number;
}

export interface StoredTransaction extends SignedTransaction {
  readonly state: "signed" | "broadcast" | "mined" | "final" | "replaced";
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
}

/** Stores a signed transaction and gives its operations their one wallet and nonce. Must commit before the broadcast. */
export async function insertTransaction(tx: Queryable, chainId: number, transaction: SignedTransaction): Promise<void> {
  await tx.query(
    `INSERT INTO chain_transactions (hash, chain_id, wallet, nonce, kind, operation_keys, raw_transaction, gas_limit, max_fee_per_gas_wei,
       max_priority_fee_per_gas_wei, replaces, signed_at_block)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
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
      transaction.signedAtBlock,
    ],
  );
  if (transaction.replaces !== null) return;
  await tx.query("UPDATE chain_operations SET state = 'signed', wallet = $2, nonce = $3, updated_at = now() WHERE key = ANY($1)", [
    transaction.operationKeys,
    transaction.wallet,
    transaction.nonce,
  ]);
}

export async function markBroadcast(db: Queryable, hash: string, sendError: string | null): Promise<void> {
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

/** Notes that the node refused the transaction for sure; it stays stored and is sent again. */
export async function noteSendError(db: Queryable, hash: string, sendError: string): Promise<void> {
  await db.query("UPDATE chain_transactions SET last_send_error = $2 WHERE hash = $1", [hash, sendError]);
}

/** Every transaction of the wallet that is not final, lowest nonce first and, within a nonce, the newest first. */
export async function liveTransactions(db: Queryable, chainId: number, wallet: string): Promise<StoredTransaction[]> {
  const rows = await db.query<Omit<StoredTransaction, keyof Fees> & { maxFeePerGasWei: string; maxPriorityFeePerGasWei: string }>(
    `SELECT hash, wallet, nonce, kind, operation_keys AS "operationKeys", raw_transaction AS "rawTransaction", gas_limit AS "gasLimit",
       max_fee_per_gas_wei AS "maxFeePerGasWei", max_priority_fee_per_gas_wei AS "maxPriorityFeePerGasWei", replaces, signed_at_block AS "signedAtBlock",
       state, block_number AS "blockNumber", block_hash AS "blockHash"
     FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND state IN ('signed', 'broadcast', 'mined') ORDER BY nonce, created_at DESC`,
    [chainId, wallet],
  );
  return rows.map((row) => ({ ...row, maxFeePerGasWei: BigInt(row.maxFeePerGasWei), maxPriorityFeePerGasWei: BigInt(row.maxPriorityFeePerGasWei) }));
}

/** The highest nonce ever stored for the wallet, or -1. */
export async function highestNonce(db: Queryable, chainId: number, wallet: string): Promise<number> {
  const row = await first<{ nonce: number | null }>(db, "SELECT max(nonce) AS nonce FROM chain_transactions WHERE chain_id = $1 AND wallet = $2", [chainId, wallet]);
  return row?.nonce ?? -1;
}

export async function markMined(tx: Queryable, hash: string, receipt: { readonly blockNumber: number; readonly blockHash: string; readonly status: number }): Promise<void> {
  await tx.query(
    `WITH mined AS (
       UPDATE chain_transactions SET state = 'mined', block_number = $2, block_hash = $3, status = $4 WHERE hash = $1 RETURNING chain_id, wallet, nonce)
     UPDATE chain_operations o SET state = 'mined', updated_at = now() FROM mined
     WHERE o.chain_id = mined.chain_id AND o.wallet = mined.wallet AND o.nonce = mined.nonce AND o.state IN ('signed', 'broadcast')`,
    [hash, receipt.blockNumber, receipt.blockHash, receipt.status],
  );
}

/** The block of a mined transaction has left the chain: its nonce is live again and the same bytes are sent again. */
export async function markVanished(tx: Queryable, hash: string): Promise<void> {
  await tx.query(
    `WITH vanished AS (
       UPDATE chain_transactions SET state = 'broadcast', block_number = NULL, block_hash = NULL, status = NULL WHERE hash = $1 RETURNING chain_id, wallet, nonce)
     UPDATE chain_operations o SET state = 'broadcast', settled = false, updated_at = now() FROM vanished
     WHERE o.chain_id = vanished.chain_id AND o.wallet = vanished.wallet AND o.nonce = vanished.nonce AND o.state = 'mined'`,
    [hash],
  );
}

/** The transaction can no longer vanish; what it was meant to replace, or was replaced by, is settled with it. */
export async function markFinal(tx: Queryable, chainId: number, transaction: StoredTransaction): Promise<void> {
  await tx.query(
    `UPDATE chain_transactions SET state = CASE WHEN hash = $4 THEN 'final' ELSE 'replaced' END WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`,
    [chainId, transaction.wallet, transaction.nonce, transaction.hash],
  );
  await tx.query(`UPDATE chain_operations SET state = 'final', updated_at = now() WHERE chain_id = $1 AND wallet = $2 AND nonce = $3 AND state = 'mined'`, [
    chainId,
    transaction.wallet,
    transaction.nonce,
  ]);
}

/**
 * The operations that a nonce carries now. An operation that went back to waiting, or has another nonce by now, is no
 * longer this transaction's: its receipt says nothing about it any more.
 */
export async function operationsAt(db: Queryable, chainId: number, wallet: string, nonce: number): Promise<Operation[]> {
  return db.query<Operation>(`SELECT ${OPERATION} FROM chain_operations WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`, [chainId, wallet, nonce]);
}

/** Records the result of an operation and tells its workflow, in one transaction. */
export async function settleOperation(tx: Queryable, operation: Operation, message: OperationSettledMessage): Promise<void> {
  await tx.query(
    `UPDATE chain_operations SET settled = true, result = $2, reason = $3, state = CASE WHEN $4 THEN 'refused' ELSE state END, updated_at = now() WHERE key = $1`,
    [operation.key, JSON.stringify(message), message.reason ?? null, message.status === "refused"],
  );
  await enqueue(tx, [{ kind: "signal", workflowId: operation.workflowId, payload: { signal: "operationSettled", args: [message] } }]);
}

/**
 * Puts an operation back to waiting: its nonce was consumed by a known, confirmed transaction in which it had no effect,
 * so it may have another nonce.
 */
export async function askAgain(tx: Queryable, operation: Operation, reason: string, notBeforeS: number): Promise<void> {
  await tx.query(
    `UPDATE chain_operations SET state = 'pending', wallet = NULL, nonce = NULL, attempts = attempts + 1, reason = $2,
       not_before_s = greatest(not_before_s, $3), updated_at = now() WHERE key = $1`,
    [operation.key, reason, notBeforeS],
  );
}
