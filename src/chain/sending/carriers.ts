import type { Queryable } from "../../db/database.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber } from "../types.ts";
import type { SignedTransaction } from "./transactions.ts";

export interface CarrierOptions {
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly confirmations: number;
}

/** An open nonce that carries operations, and the block it is used in, if it is. */
interface Carrier {
  readonly keys: readonly string[];
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
}

// A nonce is one transaction in the end: when one of its transactions is in a block, what it outbid carries nothing any more.
const CARRIERS = `SELECT t.operation_keys AS keys, mined.block_number AS "blockNumber", mined.block_hash AS "blockHash" FROM chain_transactions t
  LEFT JOIN chain_transactions mined ON mined.chain_id = t.chain_id AND mined.wallet = t.wallet AND mined.nonce = t.nonce AND mined.state = 'mined'
  WHERE t.chain_id = $1 AND t.state IN ('signed', 'broadcast', 'mined') AND t.operation_keys && $2::text[]`;

/**
 * Which of these operations an earlier transaction, of whichever wallet, may still carry out: it waits for a block, or its
 * block, in which it had no effect for them, is no longer on the chain or not deep enough any more. Another wallet notices a
 * reorg of its own transactions in its own time, so whoever takes an operation over looks for himself.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function stillCarried(
  options: CarrierOptions,
  tx: Queryable,
  keys: readonly string[],
  head: Block,
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set();
  return waitingIn(options, await tx.query<Carrier>(CARRIERS, [options.chainId, keys]), head);
}

/**
 * Whether a transaction must wait, as an earlier nonce of its wallet carries some of its operations and is not, or no longer,
 * used by a confirmed transaction. The contract does nothing twice, and no node includes it before that nonce; but until the
 * reorg is over an operation has one nonce, and nobody should see a second.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function mustWait(
  options: CarrierOptions,
  db: Queryable,
  { wallet, nonce, operationKeys }: SignedTransaction,
  head: Block,
): Promise<boolean> {
  if (operationKeys.length === 0) return false;
  const earlier = await db.query<Carrier>(`${CARRIERS} AND t.wallet = $3 AND t.nonce < $4`, [
    options.chainId,
    operationKeys,
    wallet,
    nonce,
  ]);
  const carried = await waitingIn(options, earlier, head);
  return operationKeys.some((key) => carried.has(key));
}

async function waitingIn(
  { rpc, confirmations }: CarrierOptions,
  carriers: readonly Carrier[],
  head: Block,
): Promise<ReadonlySet<string>> {
  const waiting = new Set<string>();
  for (const { keys, blockNumber, blockHash } of carriers) {
    const stands =
      blockNumber !== null &&
      head.number - blockNumber + 1 >= confirmations &&
      (await blockByNumber(rpc, blockNumber))?.hash === blockHash;
    if (!stands) for (const key of keys) waiting.add(key);
  }
  return waiting;
}
