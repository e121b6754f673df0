import { first, type Queryable } from "../../db/database.ts";
import { enqueue } from "../../db/outbox.ts";
import {
  auctionWorkflowId,
  type OperationKind,
  operationKey,
  type OperationSettledMessage,
} from "../../domain/process.ts";

/** An operation as the sender sees it. */
export interface Operation {
  readonly key: string;
  readonly kind: OperationKind;
  readonly auctionId: string;
  readonly outcome: number | null;
  readonly attempts: number;
  readonly workflowId: string;
  readonly settled: boolean;
  /** The block timestamp, in seconds, from which on it can succeed. */
  readonly notBeforeS: number;
  readonly createdAt: Date;
  /** Whether it had a nonce before, and lost it. */
  readonly askedBefore: boolean;
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

/** Refusals that are no verdict on the operation: it was only tried too often. */
const GIVEN_UP = ["transaction_reverted", "out_of_gas", "not_ended", "rejected"];

/** Attempts after which an operation that reverts, starves or is refused every time is given back to its workflow. */
const MAX_ATTEMPTS = 8;

const PROJECTED_END_S = `(SELECT extract(epoch FROM ends_at)::bigint FROM auctions
  WHERE $2::text = 'end' AND chain_id = $3::bigint AND contract = $4::text AND auction_id = $5::numeric)`;

/** The columns of an `Operation`. */
export const OPERATION_COLUMNS = `key, kind, auction_id AS "auctionId", outcome, attempts, workflow_id AS "workflowId", settled,
  not_before_s AS "notBeforeS", created_at AS "createdAt", reason IS NOT NULL AS "askedBefore"`;

/**
 * Asks for an operation. Asking again changes nothing, except that
 * - one still waiting takes the later of both times,
 * - one that is done tells its workflow once more,
 * - one that was given up (it reverted or starved each time) is tried anew: by now somebody may have mended what was
 *   wrong, a missing role for example. Its nonce was consumed by confirmed transactions without the effect.
 * - an end that was refused is tried anew when the auction is open after all: its id was not taken yet, or a reorg gave it anew.
 *
 * When an auction ends is for the projection to say as soon as there is one: whoever asks may have heard of an extension that a
 * reorg has taken back since. Returns whether nobody had asked before.
 */
export async function requestOperation(tx: Queryable, operation: NewOperation): Promise<boolean> {
  const written = await tx.query<{ isNew: boolean }>(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, outcome, not_before_s, workflow_id)
     VALUES ($1, $2::text, $3::bigint, $4::text, $5::numeric, $6, coalesce(${PROJECTED_END_S}, $7::bigint), $8)
     ON CONFLICT (key) DO UPDATE SET
       not_before_s = coalesce(${PROJECTED_END_S}, greatest(chain_operations.not_before_s, excluded.not_before_s))
     WHERE chain_operations.state = 'pending'
     RETURNING xmax = 0 AS "isNew"`,
    [
      operation.key,
      operation.kind,
      operation.chainId,
      operation.contract,
      operation.auctionId,
      operation.outcome ?? null,
      operation.notBeforeS,
      operation.workflowId,
    ],
  );
  await tx.query(
    `UPDATE chain_operations SET state = 'pending', settled = false, result = NULL, wallet = NULL, nonce = NULL, attempts = 0, updated_at = now()
     WHERE key = $1 AND state = 'refused' AND (reason = ANY($2)
       OR kind = 'end' AND EXISTS (SELECT FROM auctions a WHERE a.chain_id = chain_operations.chain_id AND a.contract = chain_operations.contract
         AND a.auction_id = chain_operations.auction_id AND a.phase = 'bidding'))`,
    [operation.key, GIVEN_UP],
  );
  const row = await first<{ settled: boolean; result: OperationSettledMessage | null }>(
    tx,
    "SELECT settled, result FROM chain_operations WHERE key = $1",
    [operation.key],
  );
  if (row?.settled === true && row.result !== null) {
    await enqueue(tx, [
      {
        kind: "signal",
        workflowId: operation.workflowId,
        payload: { signal: "operationSettled", args: [row.result] },
      },
    ]);
  }
  return written[0]?.isNew === true;
}

/**
 * Asks for the end of every projected auction that ends by `untilS` (block timestamp) and whose process has not asked yet: a
 * thousand timers due at once, or a Temporal server that is away, must not make an end late. On slow chains, where two blocks
 * are longer than a process asks ahead, this is how every end is asked for. The process asks all the same, and learns what came
 * of it then. Returns how many were asked for.
 */
export async function armEnds(
  tx: Queryable,
  chainId: number,
  contract: string,
  untilS: number,
): Promise<number> {
  const due = await tx.query<{ auctionId: string; endsAtS: number }>(
    `SELECT auction_id AS "auctionId", extract(epoch FROM ends_at)::bigint AS "endsAtS" FROM auctions a
     WHERE chain_id = $1 AND contract = $2 AND phase = 'bidding' AND ends_at <= to_timestamp($3)
       AND NOT EXISTS (SELECT FROM chain_operations o WHERE o.kind = 'end' AND o.chain_id = a.chain_id AND o.contract = a.contract AND o.auction_id = a.auction_id)
     ORDER BY ends_at LIMIT 1000`,
    [chainId, contract, untilS],
  );
  if (due.length === 0) return 0;
  const refs = due.map(({ auctionId }) => ({ chainId, contract, auctionId }));
  const asked = await tx.query(
    `INSERT INTO chain_operations (key, kind, chain_id, contract, auction_id, not_before_s, workflow_id)
     SELECT key, 'end', $1, $2, auction_id, not_before_s, workflow_id
     FROM unnest($3::text[], $4::numeric[], $5::bigint[], $6::text[]) AS one (key, auction_id, not_before_s, workflow_id)
     ON CONFLICT (key) DO NOTHING RETURNING key`,
    [
      chainId,
      contract,
      refs.map((ref) => operationKey("end", ref)),
      due.map((one) => one.auctionId),
      due.map((one) => one.endsAtS),
      refs.map(auctionWorkflowId),
    ],
  );
  return asked.length;
}

/** Withdraws an operation that nobody has begun; true when it was still waiting. */
export async function withdrawOperation(tx: Queryable, key: string): Promise<boolean> {
  const rows = await tx.query(
    "DELETE FROM chain_operations WHERE key = $1 AND state = 'pending' RETURNING key",
    [key],
  );
  return rows.length > 0;
}

/**
 * The operations that a nonce carries now. An operation that went back to waiting, or has another nonce by now, is no
 * longer this transaction's: its receipt says nothing about it any more.
 */
export async function operationsAt(
  db: Queryable,
  chainId: number,
  wallet: string,
  nonce: number,
): Promise<Operation[]> {
  return db.query<Operation>(
    `SELECT ${OPERATION_COLUMNS} FROM chain_operations WHERE chain_id = $1 AND wallet = $2 AND nonce = $3`,
    [chainId, wallet, nonce],
  );
}

/** The nonces of a wallet whose operations are still owed an answer. */
export async function unansweredNonces(
  db: Queryable,
  chainId: number,
  wallet: string,
): Promise<Set<number>> {
  const rows = await db.query<{ nonce: number }>(
    "SELECT DISTINCT nonce FROM chain_operations WHERE chain_id = $1 AND wallet = $2 AND nonce IS NOT NULL AND NOT settled",
    [chainId, wallet],
  );
  return new Set(rows.map((row) => row.nonce));
}

/** Records the result of an operation and tells its workflow, in one transaction. */
export async function settleOperation(
  tx: Queryable,
  operation: Operation,
  message: OperationSettledMessage,
): Promise<void> {
  await tx.query(
    `UPDATE chain_operations SET settled = true, result = $2, reason = $3, state = CASE WHEN $4 THEN 'refused' ELSE state END, updated_at = now() WHERE key = $1`,
    [operation.key, JSON.stringify(message), message.reason ?? null, message.status === "refused"],
  );
  await enqueue(tx, [
    {
      kind: "signal",
      workflowId: operation.workflowId,
      payload: { signal: "operationSettled", args: [message] },
    },
  ]);
}

/**
 * Puts an operation back to waiting: its nonce was consumed by a known, confirmed transaction in which it had no effect,
 * so it may have another nonce.
 */
export async function askAgain(
  tx: Queryable,
  operation: Operation,
  again: { readonly reason: string; readonly notBeforeS: number; readonly attempts: number },
): Promise<void> {
  await tx.query(
    `UPDATE chain_operations SET state = 'pending', wallet = NULL, nonce = NULL, attempts = $4, reason = $2,
       not_before_s = greatest(not_before_s, $3), updated_at = now() WHERE key = $1`,
    [operation.key, again.reason, again.notBeforeS, again.attempts],
  );
}

/** Like `askAgain`, but an operation that was tried too often is refused, and its workflow told. Tells which it was. */
export async function askAgainOrGiveUp(
  tx: Queryable,
  operation: Operation,
  again: { readonly reason: string; readonly notBeforeS: number; readonly attempts: number },
  place: Partial<Pick<OperationSettledMessage, "transactionHash" | "blockNumber">> = {},
): Promise<"again" | "given-up"> {
  if (again.attempts < MAX_ATTEMPTS) {
    await askAgain(tx, operation, again);
    return "again";
  }
  await settleOperation(tx, operation, {
    key: operation.key,
    kind: operation.kind,
    status: "refused",
    reason: again.reason,
    ...place,
  });
  return "given-up";
}
