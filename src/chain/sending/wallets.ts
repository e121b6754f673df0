import type { Queryable } from "../../db/database.ts";

/** What one wallet tells the others, so that they can share the work. */
export interface WalletStatus {
  readonly address: string;
  readonly paused: boolean;
  readonly reason: string | null;
  readonly balanceWei: bigint;
  readonly inFlight: number;
}

/** A wallet that has not been heard of for so many blocks, and so many seconds, takes no share: its worker is gone. */
const SILENT_AFTER_BLOCKS = 3;
const SILENT_AFTER_S = 5;

export async function reportWallet(
  db: Queryable,
  chainId: number,
  status: WalletStatus,
): Promise<void> {
  await db.query(
    `INSERT INTO chain_wallets (chain_id, address, state, reason, balance_wei, in_flight) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (chain_id, address) DO UPDATE SET state = excluded.state, reason = excluded.reason, balance_wei = excluded.balance_wei,
       in_flight = excluded.in_flight, seen_at = now()`,
    [
      chainId,
      status.address,
      status.paused ? "paused" : "active",
      status.reason,
      status.balanceWei.toString(),
      status.inFlight,
    ],
  );
}

/** How many more transactions the other wallets that work now can have in flight, together. */
export async function roomOfOthers(
  db: Queryable,
  chainId: number,
  mine: { readonly address: string; readonly maxInFlight: number; readonly blockTimeS: number },
): Promise<number> {
  // Each wallet tells of itself once a block.
  const silentAfterS = Math.max(SILENT_AFTER_S, SILENT_AFTER_BLOCKS * mine.blockTimeS);
  const [row] = await db.query<{ room: number }>(
    `SELECT coalesce(sum(greatest(0, $3 - in_flight)), 0)::int AS room FROM chain_wallets
     WHERE chain_id = $1 AND address <> $2 AND state = 'active' AND seen_at > now() - make_interval(secs => $4)`,
    [chainId, mine.address, mine.maxInFlight, silentAfterS],
  );
  return row?.room ?? 0;
}

/**
 * How many of `due` transactions a wallet takes that has room for `room` when the others have room for `others`: its share
 * by capacity, rounded up, so that nothing is left over when each takes its share.
 */
export function shareOf(due: number, room: number, others: number): number {
  if (room <= 0 || due <= 0) return 0;
  return Math.min(room, Math.ceil((due * room) / (room + others)));
}
