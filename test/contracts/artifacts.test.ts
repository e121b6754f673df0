// What others build on: the committed artifacts are what the sources give, and the interface is the agreed one.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import {
  AUCTION_STATES,
  FAILURE_REASONS,
  OUTCOMES,
  meetingAuctionInterface,
  meetingPassInterface,
} from "../../src/chain/contracts.ts";
import { readArtifact } from "./harness.ts";

const MAX_CODE_BYTES = 24_576; // EIP-170

test("the artifacts are up to date with the sources", async () => {
  const script = fileURLToPath(new URL("../../contracts/build.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--check"], {
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  expect(stdout).toContain("up to date");
});

test.each(["MeetingAuction", "MeetingPass"])(
  "%s fits on chain and is the same bytes from any machine",
  (name) => {
    const { deployedBytecode } = readArtifact(name);
    expect(deployedBytecode.length / 2 - 1).toBeLessThanOrEqual(MAX_CODE_BYTES);
    expect(deployedBytecode).not.toContain("a264697066735822"); // the metadata hash, which would change with a comment
  },
);

test("the functions others call", () => {
  const functions = [
    "createAuction((bytes32,uint64,uint64,uint64,uint32,uint128,uint128,bool))",
    "bid(uint256)",
    "cancel(uint256)",
    "endAuctions(uint256[])",
    "mintPasses(uint256[])",
    "settleMeetings(uint256[],uint8[])",
    "release(uint256)",
    "burnForMeeting(uint256)",
    "withdraw()",
    "withdrawTo(address)",
    "credits(address)",
    "auctionIdOf(address,bytes32)",
    "auctionState(uint256)",
    "endable(uint256[])",
    "minimumBidWei(uint256)",
    "pass()",
    "pause()",
    "unpause()",
  ];
  for (const signature of functions)
    expect(meetingAuctionInterface.hasFunction(signature)).toBe(true);
  expect(meetingPassInterface.hasFunction("locked(uint256)")).toBe(true);
});

test("the events others index, to the last indexed word", () => {
  const events = [
    "AuctionCreated(uint256 indexed auctionId, address indexed host, bytes32 indexed salt, uint64 startTime, uint64 endTime, uint64 meetingStart, uint32 meetingDurationS, uint128 reservePriceWei, uint128 minIncrementWei, uint16 feeBps, bool transferable)",
    "BidPlaced(uint256 indexed auctionId, address indexed bidder, uint256 amountWei, uint64 endTime)",
    "AuctionEnded(uint256 indexed auctionId, address indexed winner, uint256 amountWei)",
    "AuctionCancelled(uint256 indexed auctionId)",
    "AuctionEndFailed(uint256 indexed auctionId, uint8 reason)",
    "PassMintFailed(uint256 indexed auctionId, uint8 reason)",
    "SettlementFailed(uint256 indexed auctionId, uint8 reason)",
    "MeetingSettled(uint256 indexed auctionId, uint8 indexed outcome, uint256 hostWei, uint256 refundWei, uint256 feeWei)",
    "NFTBurnedForMeeting(uint256 indexed tokenId, uint256 indexed auctionId, address indexed user)",
    "Withdrawn(address indexed account, address indexed to, uint256 amountWei)",
  ];
  for (const event of events) {
    expect(
      meetingAuctionInterface.getEvent(event.slice(0, event.indexOf("(")))?.format("full"),
    ).toBe(`event ${event}`);
  }
});

test("the code tables are those of the Solidity sources", () => {
  const source = (name: string) =>
    readFileSync(new URL(`../../contracts/src/${name}.sol`, import.meta.url), "utf8");
  const library = (name: string) => {
    const body = source("Codes").split(`library ${name} {`)[1]?.split("\n}")[0] ?? "";
    const constants = body.matchAll(/uint8 internal constant (\w+) = (\d+);/g);
    return Object.fromEntries(
      [...constants].map(([, constant, value]) => [constant, Number(value)]),
    );
  };
  expect(FAILURE_REASONS).toEqual(library("FailureReason"));
  expect(OUTCOMES).toEqual(library("Outcome"));
  const states =
    source("IMeetingAuction").split("enum AuctionState {")[1]?.split("}")[0]?.match(/\w+/g) ?? [];
  expect(Object.entries(AUCTION_STATES)).toEqual(
    states.map((state, index) => [state.toUpperCase(), index]),
  );
});
