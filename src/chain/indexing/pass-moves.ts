import type { Queryable } from "../../db/database.ts";
import { type NewEvent, recordEvents } from "../../db/events.ts";
import { lockState, type Meeting } from "../../db/meetings.ts";
import { notifyWallet } from "../../db/notifications.ts";
import { enqueue } from "../../db/outbox.ts";
import { endWinnerSessions, moveRoom } from "../../db/sessions.ts";
import { meetingWorkflowId } from "../../domain/process.ts";
import { createRoomName } from "../../jitsi/index.ts";

/** What the chain says of a pass now, and what it said before. Addresses are lower-case, null where nobody owns it. */
export interface PassMove {
  readonly from: string;
  readonly to: string | null;
  readonly blockNumber: number;
  /** Names the change: reading it again tells nothing twice. */
  readonly cause: string;
}

/**
 * The pass of a meeting has another owner, or none: the one before loses access in the transaction in which the chain said
 * so. A room token cannot be taken back, so when the former owner ever had one the meeting moves to a new room and its
 * process has Jitsi end the old one; host and new owner are told to ask for access again.
 */
export async function movePass(tx: Queryable, meeting: Meeting, move: PassMove): Promise<void> {
  const state = await lockState(tx, meeting.id);
  if (state !== "scheduled" && state !== "open") return;
  const { from, to, blockNumber } = move;
  const place = { meetingId: meeting.id, auctionId: meeting.auctionId, blockNumber };
  const told: NewEvent[] = [
    {
      type: "meeting-access-withdrawn",
      audience: [`wallet:${from}`],
      data: { ...place, reason: to === null ? "pass_gone" : "pass_transferred" },
      cause: `${move.cause}:withdrawn`,
    },
  ];
  if (await endWinnerSessions(tx, meeting, to, blockNumber)) {
    await moveRoom(tx, meeting, createRoomName());
    told.push({
      type: "meeting-room-changed",
      audience: [meeting.host, ...(to === null ? [] : [to])].map((one) => `wallet:${one}`),
      data: place,
      cause: `${move.cause}:room`,
    });
    await enqueue(tx, [
      {
        kind: "signal",
        workflowId: meetingWorkflowId(meeting.id),
        payload: { signal: "roomLeft", args: [{ blockNumber }] },
      },
    ]);
  }
  await recordEvents(tx, told);
  const title = `“${meeting.title ?? `Auction ${meeting.auctionId}`}”`;
  await notifyWallet(tx, from, {
    cause: `${move.cause}:withdrawn`,
    type: "meeting-access-withdrawn",
    title: `You no longer have access to ${title}`,
    body: "Whoever owns the pass may enter, and your wallet does not own it any more.",
    data: place,
  });
  if (to === null) return;
  await notifyWallet(tx, to, {
    cause: `${move.cause}:received`,
    type: "meeting-pass-received",
    title: `You own the pass of ${title}`,
    body: "You can enter the meeting while it is open.",
    data: place,
  });
}
