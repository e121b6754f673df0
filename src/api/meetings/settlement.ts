import { z } from "zod";
import { findSettlement, type SettlementRow } from "../../db/settlements.ts";
import type { ApiDeps } from "../context.ts";
import { Hash, Wei } from "../schema.ts";
import { meetingNotFound } from "./rights.ts";
import { Outcome, OUTCOME_NAMES } from "./schema.ts";

export const Settlement = z
  .strictObject({
    meetingId: z.uuid(),
    status: z.enum(["open", "pending", "sent", "mined", "settled", "refused", "withdrawn"]).meta({
      description:
        "`open`: the meeting goes on; `pending`: to be sent; `sent`: in no block yet; `mined`: in a block that can still go; `settled`: final; `refused`: the contract will not, see lastError; `withdrawn`: the chain took back the sale. More may be added",
    }),
    outcome: Outcome,
    transactionHash: Hash.nullable(),
    blockNumber: z.int().nullable(),
    confirmations: z.int().min(0),
    confirmationsNeeded: z
      .int()
      .min(0)
      .meta({ description: "From so many on no reorganisation is expected" }),
    hostPaidWei: Wei.nullable(),
    refundWei: Wei.nullable(),
    lastError: z.string().max(200).nullable().meta({
      description:
        "What went wrong last, by name; it is tried again unless the status is `refused`",
    }),
  })
  .meta({ id: "Settlement" });

function statusOf(
  row: SettlementRow,
  confirmations: number,
  needed: number,
): z.input<typeof Settlement>["status"] {
  if (row.meetingState === "withdrawn") return "withdrawn";
  if (row.blockNumber !== null) return confirmations >= needed ? "settled" : "mined";
  switch (row.operationState) {
    case null:
      return row.meetingState === "scheduled" || row.meetingState === "open" ? "open" : "pending";
    case "refused":
    case "pending":
      return row.operationState;
    default:
      return "sent";
  }
}

/**
 * How far the money of a meeting is, from the closing to the final block.
 * @throws AppError refuse 404 `meeting_not_found`
 */
export async function settlementOf(
  deps: Pick<ApiDeps, "db" | "config">,
  meetingId: string,
): Promise<z.input<typeof Settlement>> {
  const row = await findSettlement(deps.db, meetingId);
  if (row === undefined) throw meetingNotFound();
  const { blockNumber, head } = row;
  const confirmations =
    blockNumber === null || head === null ? 0 : Math.max(0, head - blockNumber + 1);
  const confirmationsNeeded = deps.config.CHAIN_FINALITY_DEPTH;
  return {
    meetingId,
    status: statusOf(row, confirmations, confirmationsNeeded),
    outcome: OUTCOME_NAMES[row.outcome ?? 0] ?? null,
    transactionHash: row.transactionHash,
    blockNumber,
    confirmations,
    confirmationsNeeded,
    hostPaidWei: row.hostPaidWei,
    refundWei: row.refundWei,
    lastError: row.reason ?? (row.wasSendRefused && blockNumber === null ? "send_failed" : null),
  };
}
