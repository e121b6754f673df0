// Gas limits for the batch calls. Never ask eth_estimateGas for them: a batch does not revert when gas runs short, it
// reports the items it could not afford (OUT_OF_GAS), so the estimate is the limit at which it does nothing at all.

/**
 * What to allow per call and per item, from the worst cases with room to spare (test/contracts/gas.test.ts). The
 * base covers what contracts/src/Batch.sol wants left before the last item. Unused gas is not paid for.
 */
export const BATCH_GAS = {
  end: { base: 60_000n, perItem: 13_000n },
  mint: { base: 250_000n, perItem: 100_000n },
  settle: { base: 250_000n, perItem: 80_000n },
} as const;

/** The most a single transaction may ask for since EIP-7825. */
const TRANSACTION_GAS_CAP = 16_777_216n;

export type BatchKind = keyof typeof BATCH_GAS;

/** The gas limit with which no item of the batch starves. */
export function batchGasLimit(kind: BatchKind, items: number): bigint {
  const { base, perItem } = BATCH_GAS[kind];
  return base + perItem * BigInt(items);
}

/** How many items fit into one transaction at most. */
export function maxBatchItems(kind: BatchKind): number {
  const { base, perItem } = BATCH_GAS[kind];
  return Number((TRANSACTION_GAS_CAP - base) / perItem);
}
