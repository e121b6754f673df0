import { first, type Queryable } from "../../db/database.ts";
import type { Fees } from "./fees.ts";

/** The highest nonce ever stored for the wallet, or -1. */
export async function highestNonce(
  db: Queryable,
  chainId: number,
  wallet: string,
): Promise<number> {
  const row = await first<{ nonce: number | null }>(
    db,
    "SELECT max(nonce) AS nonce FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND replaces IS NULL",
    [chainId, wallet],
  );
  return row?.nonce ?? -1;
}

/** A nonce that nothing occupies, and the void transaction that had it, if there was one. */
export interface EmptyNonce {
  readonly nonce: number;
  readonly refused: (Fees & { readonly hash: string }) | null;
}

/** The nonces from `from` up to but without `to` for which nothing is stored but what is void. */
export async function emptyNonces(
  db: Queryable,
  chainId: number,
  wallet: string,
  from: number,
  to: number,
): Promise<EmptyNonce[]> {
  const rows = await db.query<{
    nonce: number;
    hash: string | null;
    maxFee: string;
    maxPriorityFee: string;
  }>(
    `SELECT n AS nonce, v.hash, v.max_fee_per_gas_wei AS "maxFee", v.max_priority_fee_per_gas_wei AS "maxPriorityFee"
     FROM generate_series($3::bigint, $4::bigint - 1) AS n
     LEFT JOIN LATERAL (SELECT * FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND nonce = n
       ORDER BY max_fee_per_gas_wei DESC LIMIT 1) v ON true
     WHERE NOT EXISTS (SELECT FROM chain_transactions WHERE chain_id = $1 AND wallet = $2 AND nonce = n AND state <> 'void') ORDER BY n`,
    [chainId, wallet, from, to],
  );
  return rows.map(({ nonce, hash, maxFee, maxPriorityFee }) => ({
    nonce,
    refused:
      hash === null
        ? null
        : {
            hash,
            maxFeePerGasWei: BigInt(maxFee),
            maxPriorityFeePerGasWei: BigInt(maxPriorityFee),
          },
  }));
}
