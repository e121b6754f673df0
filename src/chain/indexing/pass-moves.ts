import type { Queryable } from "../../db/database.ts";
import { type NewEvent, recordEvents } from "../../db/events.ts";
import { getMeeting, lockState, type Meeting } from "../../db/meetings.ts";
import { notifyWallet } from "../../db/notifications.ts";
import { enqueue } from "../../db/outbox.ts";
import { endMovedSessions, moveRoom, type StaleSession, staleSessions } from "../../db/sessions.ts";
import { meetingWorkflowId } from "../../domain/process.ts";
import { createRoomName } from "../../jitsi/index.ts";
import { loadAuction } from "./auctions.ts";

/** A meeting whose pass the chain has spoken of, though its owner may be the one of before. Addresses are lower-case. */
export interface PassMove {
  readonly meeting: Meeting;
  /** Who owned the pass before; null when nobody did. */
  readonly from: string | null;
  readonly blockNumber: number;
  /** Names the change: reading it again tells nothing twice. */
  readonly cause: string;
}

/**
 * Brings access in line with who owns the passes as of the cursor, which has just been moved, in the transaction in which
 * the chain said so: whoever got in as an owner and is none loses access, whoever owned the pass before these blocks. A room
 * token cannot be taken back, so when such a person has one for the present room, the meeting moves to a new room and its
 * process has Jitsi end the old one; host and owner are told to ask for access again.
 */
export async function followPasses(
  tx: Queryable,
  stream: { readonly chainId: number; readonly auctionContract: string },
  cursorBlock: number,
  moves: readonly PassMove[],
): Promise<void> {
  // Locked first: a grant that is being written is then seen here, or sees what is written here.
  for (const { meeting } of moves) await lockState(tx, meeting.id);
  const { chainId, auctionContract: contract } = stream;
  const stale = Map.groupBy(await staleSessions(tx, { chainId, contract }), (one) => one.meetingId);
  for (const move of moves) {
    await follow(tx, move.meeting, stale.get(move.meeting.id) ?? [], move.blockNumber, move);
    stale.delete(move.meeting.id);
  }
  // Let in by a block that had not been read then, or that was dropped.
  for (const [id, sessions] of stale)
    await follow(tx, await getMeeting(tx, id), sessions, cursorBlock);
}

async function follow(
  tx: Queryable,
  meeting: Meeting,
  stale: readonly StaleSession[],
  blockNumber: number,
  move?: PassMove,
): Promise<void> {
  const state = await lockState(tx, meeting.id);
  if (state !== "scheduled" && state !== "open") return;
  const { id: meetingId, auctionId } = meeting;
  const auction = await loadAuction(tx, meeting.chainId, meeting.contract, auctionId);
  const owner = auction?.passOwner ?? null;
  const live = stale.filter((one) => one.isLive);
  if (live.length > 0)
    await endMovedSessions(
      tx,
      live.map((one) => one.id),
      owner,
      blockNumber,
    );
  const place = { meetingId, auctionId, blockNumber };
  const former = new Map(live.map((one) => [one.wallet, `meeting-session:${one.id}:pass_moved`]));
  if (move !== undefined && move.from !== null && move.from !== owner)
    former.set(move.from, `${move.cause}:withdrawn`);
  const told: NewEvent[] = [...former].map(([wallet, cause]) => ({
    type: "meeting-access-withdrawn",
    audience: [`wallet:${wallet}`],
    data: { ...place, reason: owner === null ? "pass_gone" : "pass_transferred" },
    cause,
  }));
  const inRoom = stale.find((one) => one.isOfRoom);
  if (inRoom !== undefined) {
    await moveRoom(tx, meeting, createRoomName());
    told.push({
      type: "meeting-room-changed",
      audience: [meeting.host, ...(owner === null ? [] : [owner])].map((one) => `wallet:${one}`),
      data: place,
      cause: `meeting-session:${inRoom.id}:room_left`,
    });
    await enqueue(tx, [
      {
        kind: "signal",
        workflowId: meetingWorkflowId(meetingId),
        payload: { signal: "roomLeft", args: [{ blockNumber }] },
      },
    ]);
  }
  await recordEvents(tx, told);
  const title = `“${meeting.title ?? `Auction ${auctionId}`}”`;
  for (const [wallet, cause] of former)
    await notifyWallet(tx, wallet, {
      cause,
      type: "meeting-access-withdrawn",
      title: `You no longer have access to ${title}`,
      body: "Whoever owns the pass may enter, and your wallet does not own it any more.",
      data: place,
    });
  // Of the mint to the winner the auction's process tells.
  if (move === undefined || owner === null || owner === (move.from ?? meeting.winner)) return;
  await notifyWallet(tx, owner, {
    cause: `${move.cause}:received`,
    type: "meeting-pass-received",
    title: `You own the pass of ${title}`,
    body: "You can enter the meeting while it is open.",
    data: place,
  });
}
