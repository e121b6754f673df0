import type { z } from "zod";
import { announceListing, existingAuctions, findAuction, saveListing } from "../../db/reads.ts";
import { tellListings } from "../../db/listings.ts";
import type { CreatedAuction } from "../../chain/reader.ts";
import { refused } from "../../errors.ts";
import type { ApiDeps } from "../context.ts";
import { deploymentOf } from "../deployment.ts";
import type { Session } from "../route.ts";
import type { TransactionStatus } from "./schema.ts";

export interface CreatedCommand {
  readonly transactionHash: string;
  /** Which one, where the transaction creates several of the caller's. */
  readonly auctionId?: string | undefined;
  readonly title: string;
  readonly description: string;
}

export type PendingStatus = "unknown" | "unconfirmed" | "unindexed";

export type CreatedResult =
  | { readonly done: true; readonly auctionId: string }
  | {
      readonly done: false;
      readonly status: PendingStatus;
      readonly auctionId: string | null;
      readonly confirmations: number;
    };

/**
 * Records what a host says about an auction they created on chain. Nothing the caller says about the auction itself is
 * believed: its id and host come from the receipt. While there is none the words are kept, and are those of the auction once
 * the indexer sees it, if the caller has its host's wallet by then. Any number of repeats, also at once, have the effect of one: the
 * listing is written once and the workflow has one identity.
 * @throws AppError refuse 422 `transaction_reverted`, `transaction_other`, `auction_not_in_transaction`; 403 `wallet_not_yours`;
 *   409 `auction_ambiguous`, `auction_recorded_by_other`
 */
export async function recordCreated(
  deps: ApiDeps,
  user: Session,
  command: CreatedCommand,
): Promise<CreatedResult> {
  const creation = await deps.reader.auctionsCreatedIn(command.transactionHash);
  switch (creation.status) {
    case "pending":
      await announceListing(deps.db, { ...command, userId: user.id });
      return { done: false, status: "unknown", auctionId: null, confirmations: 0 };
    case "reverted":
      throw refused(
        "transaction_reverted",
        "that transaction was reverted, so it created no auction",
        422,
        at("transaction_reverted"),
      );
    case "other":
      throw refused(
        "transaction_other",
        "that transaction did not create an auction of our contract",
        422,
        at("transaction_other"),
      );
    case "created":
      break;
  }
  const auctionId = chosenOf(creation.auctions, user, command.auctionId);
  const place = deploymentOf(deps);
  const listing = await deps.db.transaction(async (tx) => {
    const saved = await saveListing(tx, place, { ...command, auctionId, userId: user.id });
    await tellListings(tx, place, [auctionId]);
    return saved;
  });
  if (listing.userId !== user.id)
    throw refused(
      "auction_recorded_by_other",
      "the auction has been recorded by another account",
      409,
    );
  const { confirmations } = creation;
  if (confirmations < deps.config.CHAIN_CONFIRMATIONS)
    return { done: false, status: "unconfirmed", auctionId, confirmations };
  const auction = await findAuction(deps.db, place, auctionId);
  if (auction === undefined) return { done: false, status: "unindexed", auctionId, confirmations };
  await deps.startAuction({
    ...place,
    auctionId,
    host: auction.host,
    endsAtMs: auction.endsAt.getTime(),
  });
  return { done: true, auctionId };
}

/** Ids in one answer. */
const MOST_IDS = 50;

/** Which of the auctions that a transaction created is meant: the one that is named, else the caller's only one. */
function chosenOf(
  created: readonly CreatedAuction[],
  user: Session,
  named: string | undefined,
): string {
  const own = created.filter(({ host }) => user.wallets.includes(host));
  const meant = named === undefined ? own : created.filter((one) => one.auctionId === named);
  const [one, another] = meant;
  if (named !== undefined && one === undefined)
    throw refused(
      "auction_not_in_transaction",
      "that transaction did not create the auction with that id",
      422,
      created.slice(0, MOST_IDS).map((other) => choice("auction_not_in_transaction", other)),
    );
  if (one === undefined || !own.includes(one))
    throw refused(
      "wallet_not_yours",
      "the wallet that created the auction is not bound to your account; bind it first",
      403,
    );
  if (another !== undefined)
    throw refused(
      "auction_ambiguous",
      `that transaction created ${own.length} auctions of yours; send auctionId to say which one the title is for`,
      409,
      own.slice(0, MOST_IDS).map((other) => choice("auction_ambiguous", other)),
    );
  return one.auctionId;
}

function choice(code: string, { auctionId }: CreatedAuction) {
  return { pointer: "/auctionId", code, detail: auctionId };
}

/**
 * How far the creation of an auction is, by its transaction; what the chain says is public. Of several auctions `auctionId` is the
 * caller's first, and all of them are in `auctionIds`.
 */
export async function creationStatus(
  deps: ApiDeps,
  user: Session,
  transactionHash: string,
): Promise<z.input<typeof TransactionStatus>> {
  const creation = await deps.reader.auctionsCreatedIn(transactionHash);
  const nothing = {
    transactionHash,
    blockNumber: null,
    lastError: null,
    auctionId: null,
    auctionIds: [],
    confirmations: 0,
    confirmationsNeeded: deps.config.CHAIN_CONFIRMATIONS,
  };
  switch (creation.status) {
    case "pending":
      return { ...nothing, status: "unknown" };
    case "reverted":
      return { ...nothing, status: "reverted", lastError: "transaction_reverted" };
    case "other":
      return { ...nothing, status: "other", lastError: "transaction_other" };
    case "created":
      break;
  }
  const { auctions, confirmations, blockNumber } = creation;
  const own = auctions.find(({ host }) => user.wallets.includes(host));
  const { auctionId } = own ?? auctions[0];
  const auctionIds = auctions.slice(0, MOST_IDS).map((one) => one.auctionId);
  const indexed = (await existingAuctions(deps.db, deploymentOf(deps), [auctionId])).length > 0;
  const isConfirmed = confirmations >= nothing.confirmationsNeeded;
  const status = !isConfirmed ? "unconfirmed" : indexed ? "recorded" : "unindexed";
  return { ...nothing, status, auctionId, auctionIds, blockNumber, confirmations };
}

function at(code: string) {
  return [
    {
      pointer: "/transactionHash",
      code,
      detail: "give the hash of the transaction that called createAuction",
    },
  ];
}
