import { crashPoint } from "../crash.ts";
import { getAddress } from "ethers";
import { loadAuction } from "../chain/indexing/auctions.ts";
import { readCursor } from "../chain/indexing/store.ts";
import type { AuctionProjection } from "../chain/indexing/projection.ts";
import { requestOperation, withdrawOperation } from "../chain/sending/operations.ts";
import type { Database, Queryable } from "../db/database.ts";
import { ensureMeeting, liveMeetings, restoreMeeting, withdrawnMeetings } from "../db/meetings.ts";
import { notifyWallet } from "../db/notifications.ts";
import {
  type AuctionRef,
  auctionWorkflowId,
  CHAIN_CHANGED,
  type ChainChanged,
  type MeetingInput,
  operationKey,
  type OperationKind,
} from "../domain/process.ts";
import { AppError } from "../errors.ts";
import { createRoomName } from "../jitsi/index.ts";
import type { RunningMeeting } from "./repairs/meetings.ts";
import { causeOf } from "./repairs/outcomes.ts";
import { meetingInputOf, type MeetingTimes } from "./meeting-input.ts";

export interface AuctionActivityOptions extends MeetingTimes {
  readonly db: Database;
  readonly maxExtensionMinutes: number;
  /** The meeting of an auction whose process runs: asked for when the pass is minted and the database knows no meeting. */
  readonly runningMeetingOf?: (ref: AuctionRef) => Promise<RunningMeeting | undefined>;
  /** For metrics: an operation was asked for the first time. */
  readonly onAsked?: (kind: OperationKind) => void;
}

/** The title that the host gave the auction, for people. */
async function titleOf(db: Queryable, ref: AuctionRef): Promise<string> {
  const [row] = await db.query<{ title: string }>(
    "SELECT title FROM auction_listings WHERE chain_id = $1 AND contract = $2 AND auction_id = $3",
    [ref.chainId, ref.contract, ref.auctionId],
  );
  return row?.title ?? `Auction ${ref.auctionId}`;
}

/**
 * The projection, if it says what the process was told happened in block `blockNumber`; `chain-changed` when the indexer has
 * seen that block and says otherwise: it was another fork's.
 * @throws AppError `projection_behind` (retry) while the indexer has not come so far
 */
async function projectionOf(
  db: Queryable,
  ref: AuctionRef,
  blockNumber: number,
  agrees: (auction: AuctionProjection) => boolean,
): Promise<AuctionProjection | ChainChanged> {
  // The cursor first: what it has reached the projection holds, and it may go on meanwhile.
  const cursor = await readCursor(db, ref.chainId);
  const auction = await loadAuction(db, ref.chainId, ref.contract, ref.auctionId);
  if (auction !== undefined && agrees(auction)) return auction;
  if (cursor !== undefined && cursor.blockNumber >= blockNumber) return CHAIN_CHANGED;
  throw new AppError({
    kind: "retry",
    code: "projection_behind",
    message: `the projection of auction ${ref.auctionId} has not caught up with block ${blockNumber} yet`,
  });
}

/** Activities of the auction workflow. Each may run more than once and has its effect once. */
export function createAuctionActivities(options: AuctionActivityOptions) {
  const { db } = options;

  /**
   * The pass is asked for in the transaction that makes the meeting. Where it is minted and there is no meeting, the database was
   * lost: a meeting whose process runs is written down again, so that the auction gets no second one.
   */
  async function restoreLostMeeting(ref: AuctionRef, auction: AuctionProjection): Promise<void> {
    if (auction.steps.minted === undefined || options.runningMeetingOf === undefined) return;
    const { chainId, contract, auctionId } = ref;
    if ((await liveMeetings(db, chainId, contract, [auctionId])).length > 0) return;
    const known = await options.runningMeetingOf(ref);
    if (known === undefined || known.input.winner !== auction.winner) return;
    const row = { ...known.input, auctionSalt: auction.salt, roomName: createRoomName() };
    await db.transaction((tx) => restoreMeeting(tx, row, known.state));
  }

  return {
    /** Asks for the end of the auction in the first block whose timestamp reaches `endsAtS`. */
    async requestEnd(ref: AuctionRef, endsAtS: number): Promise<void> {
      const { chainId, contract, auctionId } = ref;
      crashPoint("end.asking");
      const isNew = await db.transaction((tx) =>
        requestOperation(tx, {
          key: operationKey("end", ref),
          kind: "end",
          chainId,
          contract,
          auctionId,
          notBeforeS: endsAtS,
          workflowId: auctionWorkflowId(ref),
        }),
      );
      if (isNew) options.onAsked?.("end");
      crashPoint("end.asked");
    },

    /**
     * The auction was sold: asks for the pass, makes the meeting and tells everyone it concerns. `blockNumber` is where the
     * sale was seen. Nothing is done when the chain has another winner, or none, by now.
     */
    async arrangeMeeting(
      ref: AuctionRef,
      sale: { readonly winner: string; readonly amountWei: string; readonly blockNumber?: number },
    ): Promise<MeetingInput | ChainChanged> {
      const { chainId, contract, auctionId } = ref;
      const auction = await projectionOf(
        db,
        ref,
        sale.blockNumber ?? 0,
        (one) => one.winner === sale.winner,
      );
      if (auction === CHAIN_CHANGED) return CHAIN_CHANGED;
      const endedAtMs = Date.parse(auction.steps.ended?.at ?? "");
      const startsAtMs = Math.max(auction.meetingStartsAtS * 1000, endedAtMs);
      const endsAtMs = startsAtMs + auction.meetingDurationS * 1000;
      const title = await titleOf(db, ref);
      await restoreLostMeeting(ref, auction);
      crashPoint("sale.arranging");

      let isNew = false;
      const arranged = await db.transaction(async (tx): Promise<MeetingInput | ChainChanged> => {
        // Not between a look at the sale and its meeting: the indexer must not take it back unnoticed.
        const [stillSold] = await tx.query(
          "SELECT FROM auctions WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 AND winner = $4 AND salt = $5 FOR SHARE",
          [chainId, contract, auctionId, sale.winner, auction.salt],
        );
        if (stillSold === undefined) return CHAIN_CHANGED;
        isNew = await requestOperation(tx, {
          key: operationKey("mint", ref),
          kind: "mint",
          chainId,
          contract,
          auctionId,
          notBeforeS: 0,
          workflowId: auctionWorkflowId(ref),
        });
        const meeting = await ensureMeeting(tx, {
          chainId,
          contract,
          auctionId,
          auctionSalt: auction.salt,
          host: auction.host,
          winner: sale.winner,
          roomName: createRoomName(),
          startsAt: new Date(startsAtMs),
          endsAt: new Date(endsAtMs),
          latestEndsAt: new Date(endsAtMs + options.maxExtensionMinutes * 60_000),
        });
        // A sale after one that the chain took back is news again.
        const once = (await withdrawnMeetings(tx, ref)) === 0 ? "" : `:${meeting.id}`;
        const data = {
          auctionId,
          meetingId: meeting.id,
          amountWei: sale.amountWei,
          startsAt: new Date(startsAtMs).toISOString(),
        };
        await notifyWallet(tx, sale.winner, {
          cause: causeOf(ref, `won${once}`),
          type: "auction-won",
          title: `You won “${title}”`,
          body: "Your access pass is being minted. You can enter the meeting when it opens.",
          data,
        });
        await notifyWallet(tx, auction.host, {
          cause: causeOf(ref, `sold${once}`),
          type: "auction-sold",
          title: `“${title}” was sold`,
          body: `The winner is ${getAddress(sale.winner)}. The money is released after the meeting.`,
          data,
        });
        const losers = await tx.query<{ bidder: string }>(
          "SELECT DISTINCT bidder FROM bids WHERE chain_id = $1 AND contract = $2 AND auction_id = $3 AND bidder <> $4",
          [chainId, contract, auctionId, sale.winner],
        );
        for (const { bidder } of losers) {
          await notifyWallet(tx, bidder, {
            cause: causeOf(ref, `lost${once}`),
            type: "auction-lost",
            title: `“${title}” went to somebody else`,
            body: "Your bid is credited to you: withdraw it from the contract.",
            data: { auctionId },
          });
        }
        return meetingInputOf(meeting, options, endedAtMs);
      });
      if (isNew) options.onAsked?.("mint");
      crashPoint("sale.arranged");
      return arranged;
    },

    /** Nobody bid, as block `blockNumber` had it: tells the host. Nothing is done when the chain says otherwise by now. */
    async announceUnsold(ref: AuctionRef, blockNumber = 0): Promise<void | ChainChanged> {
      const auction = await projectionOf(db, ref, blockNumber, (one) => one.phase === "unsold");
      if (auction === CHAIN_CHANGED) return CHAIN_CHANGED;
      const title = await titleOf(db, ref);
      await db.transaction((tx) =>
        notifyWallet(tx, auction.host, {
          cause: causeOf(ref, "unsold"),
          type: "auction-unsold",
          title: `“${title}” ended without a bid`,
          body: "Nothing was sold and nothing is owed.",
          data: { auctionId: ref.auctionId },
        }),
      );
      crashPoint("outcome.announced");
    },

    /**
     * The host cancelled, as block `blockNumber` had it: an end that is waiting is taken back, and the host gets a
     * confirmation. Nothing is done when the chain says otherwise by now.
     */
    async announceCancelled(ref: AuctionRef, blockNumber = 0): Promise<void | ChainChanged> {
      const auction = await projectionOf(db, ref, blockNumber, (one) => one.phase === "cancelled");
      if (auction === CHAIN_CHANGED) return CHAIN_CHANGED;
      const title = await titleOf(db, ref);
      await db.transaction(async (tx) => {
        await withdrawOperation(tx, operationKey("end", ref));
        await notifyWallet(tx, auction.host, {
          cause: causeOf(ref, "cancelled"),
          type: "auction-cancelled",
          title: `“${title}” is cancelled`,
          body: "Nobody had bid.",
          data: { auctionId: ref.auctionId },
        });
      });
    },
  };
}
