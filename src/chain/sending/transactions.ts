import { first, type Queryable } from "../../db/database.ts";
import type { OperationKind } from "../../domain/process.ts";
import type { Fees } from "./fees.ts";

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
export async function insertTransaction(
  tx: Queryable,
  chainId: number,
  transaction: SignedTransaction,
): Promise<void> {
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
  await tx.query(
    "UPDATE chain_operations SET state = 'signed', wallet = $2, nonce = $3, updated_at = now() WHERE key = ANY($1)",
    [transaction.operationKeys, transaction.wallet, transaction.nonce],
  );
}

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

/** Notes that the node refused the transaction for sure; it stays stored and is sent again. */
export async function noteSendError(db: Queryable, hash: string, sendError: string): Promise<void> {
  await db.query("UPDATE chain_transactions SET last_send_error = $2 WHERE hash = $1", [
    hash,
    sendError,
  ]);
}

/** Every transaction of the wallet that is not final, lowest nonce first and, within a nonce, the newest first. */
export async function liveTransactions(
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
       max_fee_per_gas_wei AS "maxFeePerGasWei", max_priority_fee_per_gas_wei AS "maxPriorityFeePerGasWei", replaces, signed_at_block AS "signedAtBlock",
       state, block_number AS "blockNumber", block_hash AS "blockHash"
     FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND state IN ('signed', 'broadcast', 'mined') ORDER BY nonce, created_at DESC`,
    [chainId, wallet],
  );
  return rows.map((row) => ({
    ...row,
    maxFeePerGasWei: BigInt(row.maxFeePerGasWei),
    maxPriorityFeePerGasWei: BigInt(row.maxPriorityFeePerGasWei),
  }));
}

/** The highest nonce ever stored for the wallet, or -1. */
export async function highestNonce(
  db: Queryable,
  chainId: number,
  wallet: string,
): Promise<number> {
  const row = await first<{ nonce: number | null }>(
    db,
    "SELECT max(nonce) AS nonce FROM chain_transactions WHERE chain_id = $1 AND wallet = $2",
    [chainId, wallet],
  );
  return row?.nonce ?? -1;
}

export async function markMined(
  tx: Queryable,
  hash: string,
  receipt: { readonly blockNumber: number; readonly blockHash: string; readonly status: number },
): Promise<void> {
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
export async function markFinal(
  tx: Queryable,
  chainId: number,
  transaction: StoredTransaction,
): Promise<void> {
  await tx.query(
    `UPDATE chain_transactions SET state = CASE WHEN hash = $4 THEN 'final' ELSE 'replaced' END WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`,
    [chainId, transaction.wallet, transaction.nonce, transaction.hash],
  );
  await tx.query(
    `UPDATE chain_operations SET state = 'final', updated_at = now() WHERE chain_id = $1 AND wallet = $2 AND nonce = $3 AND state = 'mined'`,
    [chainId, transaction.wallet, transaction.nonce],
  );
}
