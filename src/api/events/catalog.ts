import { z } from "zod";
import { Address, AuctionId, Hash, Time, Wei } from "../schema.ts";

/** One kind of realtime event, as the documents and the client describe it. */
export interface EventKind {
  /** What has happened when it comes. */
  readonly when: string;
  /** Who hears of it. */
  readonly audience: string;
  readonly data: z.ZodObject;
}

const BlockNumber = z.int();
const MeetingId = z.uuid();

/** Where on the chain it happened. */
const onChain = { auctionId: AuctionId, transactionHash: Hash, blockNumber: BlockNumber };
const ofMeeting = { meetingId: MeetingId, auctionId: AuctionId };
/** A reorganisation names no transaction: those that it took back are gone. */
const withdrawn = { ...ofMeeting, blockNumber: BlockNumber };

const OutcomeNumber = z
  .int()
  .min(1)
  .max(3)
  .meta({ description: "1: held, 2: the host was absent, 3: the winner was absent" });

const EVERYBODY = "everybody";
const FOLLOWERS = "whoever follows the auction";
const BOTH = "the host and whoever holds the pass";

const kind = (when: string, audience: readonly string[], data: z.ZodRawShape): EventKind => ({
  when,
  audience: audience.join("; "),
  data: z.strictObject(data),
});

/**
 * Every event that users are told, by its type. What is written into `events` anywhere has to be listed here
 * (test/api/event-catalog.test.ts); docs/events.md, the OpenAPI document and the client's types come from it.
 */
export const EVENTS = {
  "auction-created": kind("An auction is on chain.", [EVERYBODY], {
    ...onChain,
    host: Address,
    endsAt: Time,
    reservePriceWei: Wei,
  }),
  "auction-listed": kind(
    "The host has given the auction its title; after `auction-created`.",
    [EVERYBODY],
    {
      auctionId: AuctionId,
      title: z.string().max(120),
    },
  ),
  "bid-placed": kind("A bid is on chain.", [FOLLOWERS, "the host", "whoever is outbid by it"], {
    ...onChain,
    bidder: Address,
    amountWei: Wei,
    endsAt: Time,
  }),
  "auction-extended": kind(
    "A bid shortly before the end has moved it; comes right after its `bid-placed`.",
    [FOLLOWERS, "the host"],
    { ...onChain, endsAt: Time, previousEndsAt: Time },
  ),
  "auction-ended": kind(
    "The auction has ended on chain; without a bid it has no winner.",
    [EVERYBODY],
    {
      ...onChain,
      winner: Address.nullable(),
      amountWei: Wei.nullable(),
    },
  ),
  "auction-cancelled": kind("The host has cancelled the auction on chain.", [EVERYBODY], onChain),
  "auction-reverted": kind(
    "A reorganisation of the chain took back what was told of the auction: this is how it is now. With `meetingId` it took back the sale that the meeting was made for, and the meeting is withdrawn.",
    [EVERYBODY, "with `meetingId` only the people of the meeting"],
    {
      auctionId: AuctionId,
      meetingId: MeetingId.optional(),
      blockNumber: BlockNumber.meta({ description: "The newest block that both chains have" }),
      phase: z.string().max(40).meta({ description: "`gone`: it is not on chain any more" }),
      endsAt: Time.nullable(),
      highBidWei: Wei.nullable(),
    },
  ),
  "meeting-created": kind("The auction is sold, and its meeting arranged.", [BOTH], {
    ...ofMeeting,
    startsAt: Time,
    endsAt: Time,
  }),
  "meeting-reminder": kind("The meeting begins soon.", [BOTH], { ...ofMeeting, startsAt: Time }),
  "meeting-opened": kind("The room may be entered from now on.", [BOTH], {
    ...ofMeeting,
    endsAt: Time,
  }),
  "meeting-extended": kind("The host has extended the meeting.", [BOTH], {
    ...ofMeeting,
    endsAt: Time,
  }),
  "meeting-closed": kind("The meeting is over; its settlement on chain follows.", [BOTH], {
    ...ofMeeting,
    outcome: OutcomeNumber,
  }),
  "meeting-overruled": kind(
    "An operator has decided how the meeting came out, before it was settled.",
    [BOTH],
    { ...ofMeeting, outcome: OutcomeNumber },
  ),
  "meeting-access-withdrawn": kind(
    "Your wallet owns the pass no more, and your access to the room has ended.",
    ["whoever owned the pass before"],
    { ...withdrawn, reason: z.enum(["pass_transferred", "pass_gone"]) },
  ),
  "meeting-room-changed": kind(
    "The meeting has moved to a new room, as somebody without a pass had access to the old one: ask for access again.",
    ["the host and the owner of the pass"],
    withdrawn,
  ),
  "meeting-session-replaced": kind(
    "You have asked for access once more, and what you were given before is good no longer.",
    ["the user who asked"],
    { meetingId: MeetingId, sessionId: z.uuid(), role: z.enum(["host", "winner"]) },
  ),
  notification: kind("There is something new in the inbox.", ["the user whose inbox it is"], {
    id: z.uuid(),
    type: z.string().max(100).meta({ description: "See the list of notifications" }),
    title: z.string().max(400),
    body: z.string().max(4_000),
    data: z.record(z.string().max(100), z.unknown()),
    createdAt: Time,
  }),
} as const satisfies Readonly<Record<string, EventKind>>;

export type EventType = keyof typeof EVENTS;

/** What the inbox holds, by the `type` of the notification: when it comes and to whom. */
export const NOTIFICATIONS: Readonly<Record<string, string>> = {
  "auction-won": "You won the auction. To the winner.",
  "auction-sold": "Your auction was sold. To the host.",
  "auction-lost":
    "The auction went to somebody else: your bid can be withdrawn. To every other bidder.",
  "auction-unsold": "Your auction ended without a bid. To the host.",
  "auction-cancelled": "Your auction is cancelled. To the host.",
  "meeting-reminder": "The meeting begins soon. To both.",
  "meeting-opened": "The room may be entered. To both.",
  "meeting-paid":
    "The meeting is settled, and the money is credited to the host, who withdraws it from the contract. To both.",
  "meeting-refunded": "The meeting is settled, and the bid is refunded. To both.",
  "meeting-withdrawn":
    "The chain took back the sale, and the meeting with it. To everybody it concerned.",
  "meeting-access-withdrawn": "Your wallet owns the pass no more. To whoever owned it before.",
  "meeting-pass-received": "You own the pass now. To whoever it was transferred to.",
  "webhook-disabled": "A webhook of yours takes nothing any more and was disabled. To its user.",
};
