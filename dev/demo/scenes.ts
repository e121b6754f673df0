import { type ContractTransactionReceipt, hexlify, parseEther, randomBytes } from "ethers";
import { meetingAuctionInterface } from "../../src/chain/contracts.ts";
import type { Narrator } from "./narrator.ts";
import type { Answer, Person, World } from "./people.ts";

/** An auction of the story. Times are block timestamps, in seconds. */
export interface Lot {
  readonly scene: string;
  readonly host: Person;
  readonly auctionId: string;
  readonly endsAtS: number;
  readonly meetingStartsAtS: number;
}

/** What the scenes share. */
export interface Stage {
  readonly world: World;
  readonly narrator: Narrator;
  readonly chainId: number;
  /** Waits until a block carries this timestamp or a later one. */
  blockTime(timestampS: number): Promise<void>;
  /** Asks until the answer pleases; fails with the last answer after a minute or so. */
  until<T>(what: string, ask: () => Promise<T>, good: (value: T) => boolean): Promise<T>;
}

export interface Offer {
  readonly scene: string;
  readonly title: string;
  readonly reserveEther: string;
  readonly endsAtS: number;
  readonly meetingStartsAtS: number;
  readonly meetingDurationS: number;
}

const proofOf = (receipt: ContractTransactionReceipt) => ({
  hash: receipt.hash,
  blockNumber: receipt.blockNumber,
});

/** The host puts a meeting up on chain and tells the API its title. */
export async function putUp(stage: Stage, host: Person, offer: Offer): Promise<Lot> {
  const receipt = await host.send("createAuction", [
    {
      salt: hexlify(randomBytes(32)),
      startTime: 0,
      endTime: offer.endsAtS,
      meetingStart: offer.meetingStartsAtS,
      meetingDurationS: offer.meetingDurationS,
      reservePriceWei: parseEther(offer.reserveEther),
      minIncrementWei: parseEther("0.01"),
      transferable: false,
    },
  ]);
  const created = receipt.logs
    .map((log) => meetingAuctionInterface.parseLog(log))
    .find((one) => one?.name === "AuctionCreated");
  const auctionId = String(created?.args["auctionId"]);
  stage.narrator.tell(
    offer.scene,
    `${host.name} puts up “${offer.title}” (auction ${auctionId}, from ${offer.reserveEther} ETH)`,
    proofOf(receipt),
  );
  stage.narrator.more(
    stage.narrator.auctionLink(stage.chainId, stage.world.auctionAddress, auctionId),
  );
  await stage.until(
    `the API to record auction ${auctionId}`,
    () =>
      host.api("POST", "/api/auctions/created", {
        transactionHash: receipt.hash,
        title: offer.title,
        description: `A meeting with ${host.name}.`,
      }),
    (answer) => answer.status === 201,
  );
  return {
    scene: offer.scene,
    host,
    auctionId,
    endsAtS: offer.endsAtS,
    meetingStartsAtS: offer.meetingStartsAtS,
  };
}

export async function bid(
  stage: Stage,
  lot: Lot,
  bidder: Person,
  ether: string,
  remark = "",
): Promise<void> {
  const receipt = await bidder.send("bid", [BigInt(lot.auctionId)], ether);
  stage.narrator.tell(lot.scene, `${bidder.name} bids ${ether} ETH${remark}`, proofOf(receipt));
}

/** Waits until the auction is over for the API, and tells how it ended. */
export async function ending(stage: Stage, lot: Lot, phase: string): Promise<Answer["body"]> {
  const { body } = await stage.until(
    `auction ${lot.auctionId} to be ${phase}`,
    () => lot.host.api("GET", `/api/auctions/${lot.auctionId}`),
    (answer) => answer.body.phase === phase,
  );
  const step = body.steps.ended ?? body.steps.cancelled;
  stage.narrator.tell(
    lot.scene,
    phase === "sold"
      ? `sold for ${Number(BigInt(body.highBidWei)) / 1e18} ETH`
      : phase === "unsold"
        ? "ended without a bid"
        : "the process has taken note and ends",
    {
      hash: step.transactionHash,
      blockNumber: step.blockNumber,
    },
  );
  return body;
}

/** Waits for the pass and for the meeting that the sale brings. */
export async function meetingOf(stage: Stage, lot: Lot): Promise<string> {
  const auction = await stage.until(
    `the pass of auction ${lot.auctionId}`,
    () => lot.host.api("GET", `/api/auctions/${lot.auctionId}`),
    (answer) => answer.body.steps?.minted !== undefined,
  );
  stage.narrator.tell(lot.scene, `the access pass ${lot.auctionId} is minted`, {
    hash: auction.body.steps.minted.transactionHash,
    blockNumber: auction.body.steps.minted.blockNumber,
  });
  const meeting = await stage.until(
    `the meeting of auction ${lot.auctionId}`,
    () => lot.host.api("GET", `/api/meetings/auction/${lot.auctionId}`),
    (answer) => answer.status === 200,
  );
  stage.narrator.tell(lot.scene, `the meeting is arranged for ${meeting.body.startsAt}`);
  stage.narrator.more(stage.narrator.meetingLink(meeting.body.id));
  return meeting.body.id;
}

/** Waits until the money has moved on chain, and tells where to. */
export async function settlement(stage: Stage, lot: Lot): Promise<void> {
  const { body } = await stage.until(
    `auction ${lot.auctionId} to be settled`,
    () => lot.host.api("GET", `/api/auctions/${lot.auctionId}`),
    (answer) => answer.body.phase === "closed",
  );
  const ether = (wei: string): number => Number(BigInt(wei)) / 1e18;
  const what =
    body.outcome === "host_absent"
      ? `the host never came: ${ether(body.refundWei)} ETH are refunded`
      : `${body.outcome === "held" ? "held" : "the winner never came"}: the host is paid ${ether(body.hostPaidWei)} ETH, after the fee of ${body.feeBps / 100} %`;
  stage.narrator.tell(lot.scene, `${what}, and the pass is burned`, {
    hash: body.steps.settled.transactionHash,
    blockNumber: body.steps.settled.blockNumber,
  });
}

/** Enters as soon as the room opens; before that the API refuses, which is part of the story. */
export async function enterWhenOpen(
  stage: Stage,
  lot: Lot,
  person: Person,
  meetingId: string,
): Promise<{ readonly room: string }> {
  const { room, joined } = await stage.until(
    `${person.name} to get into meeting ${meetingId}`,
    () => person.enter(meetingId),
    (entry) => entry.joined?.status === 200,
  );
  stage.narrator.tell(
    lot.scene,
    `${person.name} is in the room as ${joined?.body.affiliation === "owner" ? "moderator" : "guest"}`,
  );
  return { room: room ?? "" };
}
