import { crashPoint } from "../crash.ts";
import { getAddress } from "ethers";
import { loadAuction } from "../chain/indexing/store.ts";
import type { AuctionProjection } from "../chain/indexing/projection.ts";
import { requestOperation, withdrawOperation } from "../chain/sending/operations.ts";
import type { Database, Queryable } from "../db/database.ts";
import { ensureMeeting } from "../db/meetings.ts";
import { notifyWallet } from "../db/notifications.ts";
import {
  type AuctionRef,
  auctionWorkflowId,
  type MeetingInput,
  operationKey,
} from "../domain/process.ts";
import { AppError } from "../errors.ts";
import { createRoomName } from "../jitsi/index.ts";

export interface AuctionActivityOptions {
  readonly db: Database;
  readonly opensBeforeS: number;
  readonly reminderBeforeS: number;
  readonly maxExtensionMinutes: number;
}

/** The title that the host gave the auction, for people. */
async function titleOf(db: Queryable, ref: AuctionRef): Promise<string> {
  const [row] = await db.query<{ title: string }>(
    "SELECT title FROM auction_listings WHERE chain_id = $1 AND contract = $2 AND auction_id = $3",
    [ref.chainId, ref.contract, ref.auctionId],
  );
  return row?.title ?? `Auction ${ref.auctionId}`;
}

/** @throws AppError `projection_behind` (retry) until the indexer has seen what the sender has. */
async function projectionOf(
  db: Queryable,
  ref: AuctionRef,
  reached: (auction: AuctionProjection) => boolean,
): Promise<AuctionProjection> {
  const auction = await loadAuction(db, ref.chainId, ref.contract, ref.auctionId);
  if (auction === undefined || !reached(auction)) {
    throw new AppError({
      kind: "retry",
      code: "projection_behind",
      message: `the projection of auction ${ref.auctionId} has not caught up yet`,
    });
  }
  return auction;
}

/** Activities of the auction workflow. Each may run more than once and has its effect once. */
export function createAuctionActivities(options: AuctionActivityOptions) {
  const { db } = options;
  const cause = (ref: AuctionRef, what: string): string => `${auctionWorkflowId(ref)}:${what}`;

  return {
    /** Asks for the end of the auction in the first block whose timestamp reaches `endsAtS`. */
    async requestEnd(ref: AuctionRef, endsAtS: number): Promise<void> {
      const { chainId, contract, auctionId } = ref;
      crashPoint("end.asking");
      await db.transaction((tx) =>
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
      crashPoint("end.asked");
    },

    /** The auction was sold: asks for the pass, makes the meeting and tells everyone it concerns. */
    async arrangeMeeting(
      ref: AuctionRef,
      sale: { readonly winner: string; readonly amountWei: string },
    ): Promise<MeetingInput> {
      const { chainId, contract, auctionId } = ref;
      const auction = await projectionOf(db, ref, (one) => one.steps.ended !== undefined);
      const endedAtMs = Date.parse(auction.steps.ended?.at ?? "");
      const startsAtMs = Math.max(auction.meetingStartsAtS * 1000, endedAtMs);
      const endsAtMs = startsAtMs + auction.meetingDurationS * 1000;
      const title = await titleOf(db, ref);
      crashPoint("sale.arranging");

      const arranged = await db.transaction(async (tx) => {
        await requestOperation(tx, {
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
          host: auction.host,
          winner: sale.winner,
          roomName: createRoomName(),
          startsAt: new Date(startsAtMs),
          endsAt: new Date(endsAtMs),
          latestEndsAt: new Date(endsAtMs + options.maxExtensionMinutes * 60_000),
        });
        const data = {
          auctionId,
          meetingId: meeting.id,
          amountWei: sale.amountWei,
          startsAt: new Date(startsAtMs).toISOString(),
        };
        await notifyWallet(tx, sale.winner, {
          cause: cause(ref, "won"),
          type: "auction-won",
          title: `You won “${title}”`,
          body: "Your access pass is being minted. You can enter the meeting when it opens.",
          data,
        });
        await notifyWallet(tx, auction.host, {
          cause: cause(ref, "sold"),
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
            cause: cause(ref, "lost"),
            type: "auction-lost",
            title: `“${title}” went to somebody else`,
            body: "Your bid is credited to you: withdraw it from the contract.",
            data: { auctionId },
          });
        }
        const opensAtMs = startsAtMs - options.opensBeforeS * 1000;
        const remindAtMs = startsAtMs - options.reminderBeforeS * 1000;
        // A reminder that would come with or after the opening, or right after the sale, only repeats it.
        const remind = remindAtMs < opensAtMs && remindAtMs > endedAtMs;
        return {
          chainId,
          contract,
          auctionId,
          meetingId: meeting.id,
          host: meeting.host,
          winner: meeting.winner,
          startsAtMs: meeting.startsAt.getTime(),
          endsAtMs: meeting.endsAt.getTime(),
          latestEndsAtMs: meeting.latestEndsAt.getTime(),
          opensAtMs,
          ...(remind ? { remindAtMs } : {}),
        };
      });
      crashPoint("sale.arranged");
      return arranged;
    },

    /** Nobody bid: tells the host. */
    async announceUnsold(ref: AuctionRef): Promise<void> {
      const auction = await projectionOf(db, ref, (one) => one.phase === "unsold");
      const title = await titleOf(db, ref);
      await db.transaction((tx) =>
        notifyWallet(tx, auction.host, {
          cause: cause(ref, "unsold"),
          type: "auction-unsold",
          title: `“${title}” ended without a bid`,
          body: "Nothing was sold and nothing is owed.",
          data: { auctionId: ref.auctionId },
        }),
      );
      crashPoint("outcome.announced");
    },

    /** The host cancelled: an end that is waiting is taken back, and the host gets a confirmation. */
    async announceCancelled(ref: AuctionRef): Promise<void> {
      const auction = await projectionOf(db, ref, () => true);
      const title = await titleOf(db, ref);
      await db.transaction(async (tx) => {
        await withdrawOperation(tx, operationKey("end", ref));
        await notifyWallet(tx, auction.host, {
          cause: cause(ref, "cancelled"),
          type: "auction-cancelled",
          title: `“${title}” is cancelled`,
          body: "Nobody had bid.",
          data: { auctionId: ref.auctionId },
        });
      });
    },
  };
}
