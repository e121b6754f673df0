import { kind, type ProblemKinds } from "./kinds.ts";

/** Auctions, and the transactions that create them. */
export const AUCTION_PROBLEMS: ProblemKinds = {
  auction_not_found: kind(
    404,
    "No such auction",
    "There is no auction with that id, or the block that creates it is not confirmed yet.",
    "After creating one, follow the Location of POST /api/auctions/created until it says recorded.",
  ),
  transaction_reverted: kind(
    422,
    "Transaction reverted",
    "The transaction was mined and reverted, so it created no auction.",
    "Read why it reverted, create the auction again, and send the hash of that transaction.",
  ),
  transaction_other: kind(
    422,
    "Not a creation",
    "The transaction succeeded and created no auction of this contract.",
    "Send the hash of the transaction that called createAuction of the contract in GET /api/meta.",
  ),
  auction_not_in_transaction: kind(
    422,
    "Not of this transaction",
    "The transaction created auctions, but not the one that was named.",
    "Name one of the ids in errors, or leave auctionId out when the transaction created one auction of yours.",
  ),
  auction_ambiguous: kind(
    409,
    "Several auctions",
    "The transaction created several auctions of yours, and title and description are for one.",
    "Send the same once for each auction, with its id (from errors) as auctionId.",
  ),
  wallet_not_yours: kind(
    403,
    "Wallet not yours",
    "The auction was created by a wallet that is not bound to your account.",
    "Bind that wallet with POST /api/auth/wallet-challenge and POST /api/auth/wallets, then send the same again.",
  ),
  auction_recorded_by_other: kind(
    409,
    "Recorded by another account",
    "Another account recorded this auction while it had the wallet.",
    "The auction is listed already; nothing is left to do.",
  ),
};
