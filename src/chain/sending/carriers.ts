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
  const carriers = await tx.query<{
    keys: string[];
    state: string;
    blockNumber: number | null;
    blockHash: string | null;
  }>(
    `SELECT operation_keys AS keys, state, block_number AS "blockNumber", block_hash AS "blockHash" FROM chain_transactions
     WHERE chain_id = $1 AND state IN ('signed', 'broadcast', 'mined') AND operation_keys && $2::text[]`,
    [chainId, keys],
  );
  const carried = new Set<string>();
  for (const { keys: itsKeys, state, blockNumber, blockHash } of carriers) {
    const stands =
      state === "mined" &&
      blockNumber !== null &&
      head.number - blockNumber + 1 >= confirmations &&
      (await blockByNumber(rpc, blockNumber))?.hash === blockHash;
    if (!stands) for (const key of itsKeys) carried.add(key);
  }
  return carried;
}
