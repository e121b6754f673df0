import { getAddress } from "ethers";
import type { Queryable } from "../../db/database.ts";
import type { NewEvent } from "../../db/events.ts";
import { markWithdrawn, type Meeting, meetingsOfDroppedAuctions } from "../../db/meetings.ts";
import { recordEvents } from "../../db/events.ts";
import { notifyWallet } from "../../db/notifications.ts";
import { enqueue } from "../../db/outbox.ts";
import { meetingWorkflowId, operationKey } from "../../domain/process.ts";
import { type Effects, startAgain, told } from "./effects.ts";
import type { AuctionProjection } from "./projection.ts";

/**
 * Whether what a meeting was made for is still so, or may become so again. An end that a reorg took back says nothing yet:
 * the same transaction usually comes back with the same winner. Another auction under the id, a cancellation, an end without
 * a bid or with another winner do say something.
 */
export function stands(meeting: Meeting, auction: AuctionProjection): boolean {
  if (meeting.host !== auction.host) return false;
  if (meeting.auctionSalt !== null && meeting.auctionSalt !== auction.salt) return false;
  if (auction.phase === "bidding") return true;
  return auction.winner === meeting.winner;
}

/**
 * Takes back a meeting that lost its sale: both are told, its process ends the room and itself, its settlement is not sent
 * any more, and the auction's process runs (again) to make of the auction what the chain says now. All in the transaction
 * in which the chain said so. `auction` is undefined when the auction is gone.
 */
export async function withdrawMeeting(
  tx: Queryable,
  meeting: Meeting,
  auction: AuctionProjection | undefined,
  blockNumber: number,
): Promise<Effects> {
  await markWithdrawn(tx, meeting.id);
  // What was asked for, or refused, for the old sale must not stand in the way of the new one's.
  await tx.query(
    "DELETE FROM chain_operations WHERE key = $1 AND state IN ('pending', 'refused') AND workflow_id = $2",
    [operationKey("settle", meeting), meetingWorkflowId(meeting.id)],
  );
  const { auctionId } = meeting;
  const title = `“${meeting.title ?? `Auction ${auctionId}`}”`;
  const data = { auctionId, meetingId: meeting.id };
  const people = new Set([meeting.host, meeting.winner, meeting.guest]);
  for (const wallet of people) {
    await notifyWallet(tx, wallet, {
      cause: `${meetingWorkflowId(meeting.id)}:withdrawn`,
      type: "meeting-withdrawn",
      title: `The meeting of ${title} is withdrawn`,
      body: `The chain has taken back the sale to ${getAddress(meeting.winner)}. What the auction came to instead is told separately.`,
      data,
    });
  }
  const reverted: NewEvent = {
    type: "auction-reverted",
    // Only those whose meeting it is; everybody else has heard of the reorg and hears of the new end.
    audience: [...people].map((one) => `wallet:${one}`),
    data: {
      ...data,
      blockNumber,
      phase: auction?.phase ?? "gone",
      endsAt: auction === undefined ? null : new Date(auction.endsAtS * 1000).toISOString(),
      highBidWei: auction?.highBidWei ?? null,
    },
    cause: `meeting:${meeting.id}:withdrawn`,
  };
  return {
    events: [reverted],
    messages: [
      {
        kind: "signal",
        workflowId: meetingWorkflowId(meeting.id),
        payload: { signal: "withdrawn", args: [{ blockNumber }] },
      },
      ...(auction === undefined
        ? []
        : [startAgain(auction), told(auction, { blockNumber, undone: ["end", "mint"] })]),
    ],
  };
}

/**
 * Withdraws the meetings of auctions whose creation a reorg dropped and that have not come back since: `above` and `upTo`
 * are the heights of the dropped creations that can no longer be expected to.
 */
export async function withdrawOrphans(
  tx: Queryable,
  { chainId, auctionContract }: { readonly chainId: number; readonly auctionContract: string },
  above: number,
  upTo: number,
): Promise<void> {
  for (const meeting of await meetingsOfDroppedAuctions(tx, {
    chainId,
    contract: auctionContract,
    above,
    upTo,
  })) {
    const { events, messages } = await withdrawMeeting(tx, meeting, undefined, upTo);
    await recordEvents(tx, events);
    await enqueue(tx, messages);
  }
}
