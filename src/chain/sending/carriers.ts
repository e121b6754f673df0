import type { Queryable } from "../../db/database.ts";
import type { JsonRpc } from "../rpc.ts";
import { type Block, blockByNumber } from "../types.ts";
import type { Operation } from "./operations.ts";

export interface CarrierOptions {
  readonly rpc: JsonRpc;
  readonly chainId: number;
  readonly confirmations: number;
}

/**
 * The keys of operations that an earlier transaction, of whichever wallet, may still carry out: it waits for a block, or its
 * block, in which it had no effect for them, is no longer on the chain or not deep enough any more. Another wallet notices a
 * reorg of its own transactions in its own time, so whoever takes an operation over looks for himself.
 * @throws AppError `rpc_unavailable` (retry)
 */
export async function stillCarried(
  { rpc, chainId, confirmations }: CarrierOptions,
  tx: Queryable,
  operations: readonly Operation[],
  head: Block,
): Promise<ReadonlySet<string>> {
  const keys = operations.filter((one) => one.askedBefore).map((one) => one.key);
  if (keys.length === 0) return new Set();
  // A nonce is one transaction in the end: when one of its transactions is in a block, what it outbid carries nothing any more.
  const carriers = await tx.query<{
    keys: string[];
    blockNumber: number | null;
    blockHash: string | null;
  }>(
    `SELECT t.operation_keys AS keys, mined.block_number AS "blockNumber", mined.block_hash AS "blockHash" FROM chain_transactions t
     LEFT JOIN chain_transactions mined ON mined.chain_id = t.chain_id AND mined.wallet = t.wallet AND mined.nonce = t.nonce AND mined.state = 'mined'
     WHERE t.chain_id = $1 AND t.state IN ('signed', 'broadcast', 'mined') AND t.operation_keys && $2::text[]`,
    [chainId, keys],
  );
  const carried = new Set<string>();
  for (const { keys: itsKeys, blockNumber, blockHash } of carriers) {
    const stands =
      blockNumber !== null &&
      head.number - blockNumber + 1 >= confirmations &&
      (await blockByNumber(rpc, blockNumber))?.hash === blockHash;
    if (!stands) for (const key of itsKeys) carried.add(key);
  }
  return carried;
}
