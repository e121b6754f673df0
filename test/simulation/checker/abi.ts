// The checker's own knowledge of the contracts: written down from contracts/src, sharing nothing with the product.
import { Interface } from "ethers";

export const AUCTION_EVENTS = new Interface([
  "event AuctionCreated(uint256 indexed auctionId, address indexed host, bytes32 indexed salt, uint64 startTime, uint64 endTime, uint64 meetingStart, uint32 meetingDurationS, uint128 reservePriceWei, uint128 minIncrementWei, uint16 feeBps, bool transferable)",
  "event BidPlaced(uint256 indexed auctionId, address indexed bidder, uint256 amountWei, uint64 endTime)",
  "event AuctionEnded(uint256 indexed auctionId, address indexed winner, uint256 amountWei)",
  "event AuctionCancelled(uint256 indexed auctionId)",
  "event AuctionEndFailed(uint256 indexed auctionId, uint8 reason)",
  "event PassMintFailed(uint256 indexed auctionId, uint8 reason)",
  "event SettlementFailed(uint256 indexed auctionId, uint8 reason)",
  "event MeetingSettled(uint256 indexed auctionId, uint8 indexed outcome, uint256 hostWei, uint256 refundWei, uint256 feeWei)",
  "event NFTBurnedForMeeting(uint256 indexed tokenId, uint256 indexed auctionId, address indexed user)",
]);

export const PASS_EVENTS = new Interface([
  "event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
]);

export const CALLS = new Interface([
  "function createAuction((bytes32 salt, uint64 startTime, uint64 endTime, uint64 meetingStart, uint32 meetingDurationS, uint128 reservePriceWei, uint128 minIncrementWei, bool transferable)) returns (uint256)",
  "function bid(uint256) payable",
  "function cancel(uint256)",
  "function endAuctions(uint256[])",
  "function mintPasses(uint256[])",
  "function settleMeetings(uint256[], uint8[])",
]);

export const NOBODY = `0x${"0".repeat(40)}`;

/** Which kind of operation a batch call is. */
export const KIND_OF_CALL: Readonly<Record<string, string>> = {
  endAuctions: "end",
  mintPasses: "mint",
  settleMeetings: "settle",
};
