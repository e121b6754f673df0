import type { Prng } from "./prng.ts";

/**
 * The faults by their letters; docs/simulation.md says what each does. (a) and (j) are kills at crash points besides the lost sends here;
 * (i) are reorgs; (n) are auctions cancelled in the block of their end.
 */
export const FAULT_KINDS = [
  "a-lost-send",
  "b-stale-nonce",
  "c-already-known",
  "d-nonce-too-low",
  "e-underpriced",
  "f-hang",
  "g-no-receipt",
  "g-stale-receipt",
  "h-old-hash-mined",
  "k-silent-socket",
  "k-socket-reset",
  "l-filter-not-found",
  "m-one-log-less",
  "m-no-logs",
  "stale-head",
  "slow",
  "server-error",
  "rejected",
  "foreign-nonce",
  "no-funds",
  "dear",
  "o-other-chain",
  "o-minimum-tip",
  "o-false-head",
  "o-strange-trouble",
  "o-slow-sends",
  "o-no-block-receipts",
  "o-foreign-log",
  "o-other-hash",
  "o-null-logs",
  "o-high-pending",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A fault that holds from one block to another. */
export interface FaultWindow {
  readonly kind: FaultKind;
  readonly fromBlock: number;
  readonly toBlock: number;
  /** Which endpoint shows it; all of them when absent. */
  readonly endpoint?: number;
  /** How many requests it hits at most. */
  readonly times?: number;
  /** How much of it, where the kind has a size: blocks behind, nonces too few, the wallet concerned. */
  readonly size: number;
}

/** Faults that all endpoints may show at once: each ends by itself or lies about nothing for ever. */
const LIMITED: Partial<Record<FaultKind, number>> = {
  "a-lost-send": 3,
  "c-already-known": 4,
  "d-nonce-too-low": 4,
  "e-underpriced": 2,
  "f-hang": 1,
  "g-no-receipt": 12,
  "l-filter-not-found": 2,
  "m-one-log-less": 4,
  "m-no-logs": 4,
  "server-error": 6,
  rejected: 2,
  "o-other-chain": 12,
  "o-false-head": 3,
  "o-strange-trouble": 12,
  "o-slow-sends": 3,
  "o-other-hash": 3,
  "o-high-pending": 12,
};

/** Kinds that mean what they do only when every endpoint says so. */
const EVERYWHERE: readonly FaultKind[] = ["rejected"];

export function planFaults(
  random: Prng,
  lastBlock: number,
  endpoints: number,
  socket: boolean,
): FaultWindow[] {
  const kinds = FAULT_KINDS.filter((kind) => socket || !kind.startsWith("k-"));
  const windows: FaultWindow[] = [];
  for (let count = random.int(3, 9); count > 0; count -= 1) {
    const kind = random.pick(kinds);
    // A request that hangs costs a whole time-out: few runs have one.
    if (kind === "f-hang" && random.chance(0.6)) continue;
    const fromBlock = random.int(2, lastBlock - 5);
    const times = LIMITED[kind];
    const oneEndpoint = endpoints > 1 && random.chance(0.6) && !EVERYWHERE.includes(kind);
    windows.push({
      kind,
      fromBlock,
      toBlock: fromBlock + random.int(3, 12),
      size: random.int(1, 4),
      ...(oneEndpoint ? { endpoint: random.int(0, endpoints - 1) } : {}),
      ...(times === undefined ? {} : { times: random.int(1, times) }),
    });
  }
  return windows.sort((a, b) => a.fromBlock - b.fromBlock);
}
