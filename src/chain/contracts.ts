// What the product knows of the contracts: their interfaces and their number codes. The bytecode stays with the
// deployment (dev/chain/deploy.ts).
import { Interface } from "ethers";
import meetingAuctionAbi from "../../contracts/artifacts/MeetingAuction.abi.json" with { type: "json" };
import meetingPassAbi from "../../contracts/artifacts/MeetingPass.abi.json" with { type: "json" };

export * from "../../contracts/codes.ts";
export * from "../../contracts/gas.ts";

/** Encodes calls to, and decodes events and custom errors of, `MeetingAuction`. */
export const meetingAuctionInterface = new Interface(meetingAuctionAbi);

/** The same for `MeetingPass`, an ERC-721 whose token ids are auction ids. */
export const meetingPassInterface = new Interface(meetingPassAbi);
