import { first, type Queryable } from "./database.ts";

/** How far the money of a meeting is. Amounts are decimal wei. */
export interface SettlementRow {
  readonly meetingState: "scheduled" | "open" | "closing" | "closed" | "withdrawn";
  readonly outcome: number | null;
  /** Null while nothing is asked of the chain. */
  readonly operationState:
    | "pending"
    | "signed"
    | "broadcast"
    | "mined"
    | "final"
    | "refused"
    | null;
  /** Why it was refused, or had to be tried again; a name, never an endpoint's words. */
  readonly reason: string | null;
  readonly wasSendRefused: boolean;
  readonly transactionHash: string | null;
  readonly blockNumber: number | null;
  /** The newest block known. */
  readonly head: number | null;
  readonly hostPaidWei: string | null;
  readonly refundWei: string | null;
}

/** The settlement of a meeting. What the chain's logs say comes before what we have sent: anybody may have done it. */
export async function findSettlement(
  db: Queryable,
  meetingId: string,
): Promise<SettlementRow | undefined> {
  return first<SettlementRow>(
    db,
    `SELECT m.state AS "meetingState", coalesce(a.outcome, m.outcome) AS outcome, o.state AS "operationState", o.reason,
            coalesce(t.last_send_error IS NOT NULL, false) AS "wasSendRefused",
            coalesce(a.steps->'settled'->>'transactionHash', t.hash) AS "transactionHash",
            coalesce((a.steps->'settled'->>'blockNumber')::bigint, t.block_number) AS "blockNumber",
            (SELECT max(number) FROM chain_blocks b WHERE b.chain_id = m.chain_id) AS head,
            a.host_paid_wei AS "hostPaidWei", a.refund_wei AS "refundWei"
     FROM meetings m
     -- What the auction's id stands for now is a later sale.
     LEFT JOIN auctions a ON m.state <> 'withdrawn' AND (a.chain_id, a.contract, a.auction_id) = (m.chain_id, m.contract, m.auction_id)
     LEFT JOIN chain_operations o ON m.state <> 'withdrawn' AND o.kind = 'settle'
       AND (o.chain_id, o.contract, o.auction_id) = (m.chain_id, m.contract, m.auction_id)
     LEFT JOIN LATERAL (
       SELECT hash, block_number, last_send_error FROM chain_transactions t
       WHERE (t.chain_id, t.wallet, t.nonce) = (o.chain_id, o.wallet, o.nonce) AND t.state IN ('signed', 'broadcast', 'mined', 'final')
       ORDER BY block_number DESC NULLS LAST, created_at DESC LIMIT 1) t ON true
     WHERE m.id = $1 ORDER BY o.created_at DESC LIMIT 1`,
    [meetingId],
  );
}
