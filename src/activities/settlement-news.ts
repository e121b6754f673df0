import type { loadAuction } from "../chain/indexing/auctions.ts";
import type { Queryable } from "../db/database.ts";
import type { Meeting } from "../db/meetings.ts";
import { notifyWallet } from "../db/notifications.ts";
import { meetingWorkflowId } from "../domain/process.ts";

type Auction = NonNullable<Awaited<ReturnType<typeof loadAuction>>>;

/** The meeting's title as it stands in messages. */
export const nameOf = (meeting: Meeting): string =>
  `“${meeting.title ?? `Auction ${meeting.auctionId}`}”`;

/** Tells host and guest what happened to the money. */
export async function tellOfSettlement(
  tx: Queryable,
  meeting: Meeting,
  auction: Pick<Auction, "outcome" | "hostPaidWei" | "refundWei">,
  transactionHash: string,
): Promise<void> {
  const data = {
    meetingId: meeting.id,
    auctionId: meeting.auctionId,
    outcome: auction.outcome,
    hostPaidWei: auction.hostPaidWei,
    refundWei: auction.refundWei,
    transactionHash,
  };
  const refundedInFull = auction.refundWei !== null && auction.refundWei !== "0";
  const cause = `${meetingWorkflowId(meeting.id)}:settled`;
  await notifyWallet(tx, meeting.host, {
    cause,
    type: refundedInFull ? "meeting-refunded" : "meeting-paid",
    title: refundedInFull
      ? `${nameOf(meeting)} was refunded`
      : `You are paid for ${nameOf(meeting)}`,
    body: refundedInFull
      ? "You were not there, or not for long enough, so whoever holds the pass got the money back."
      : "The money is credited to you: withdraw it from the contract.",
    data,
  });
  await notifyWallet(tx, meeting.guest, {
    cause,
    type: refundedInFull ? "meeting-refunded" : "meeting-paid",
    title: refundedInFull
      ? `Your bid for ${nameOf(meeting)} is refunded`
      : `${nameOf(meeting)} is over`,
    body: refundedInFull
      ? "The host was not there, or not for long enough. The money is credited to whoever holds the pass: withdraw it from the contract."
      : "The pass is burned, and the money is credited to the host.",
    data,
  });
}
