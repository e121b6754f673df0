import { z } from "zod";
import type { MeetingRole, MeetingRow } from "../../db/access.ts";
import {
  Address,
  AuctionId,
  checksummed,
  page,
  SignatureInput,
  Time,
  timeOrNull,
} from "../schema.ts";

const Role = z
  .enum(["host", "winner"])
  .meta({ description: "`winner`: the present owner of the pass" });
const State = z.enum(["scheduled", "open", "closing", "closed", "withdrawn"]);
export const Outcome = z.enum(["held", "host_absent", "winner_absent", "released"]).nullable();

export const Meeting = z
  .strictObject({
    id: z.uuid(),
    auctionId: AuctionId,
    title: z.string().max(120).nullable(),
    role: Role,
    host: Address,
    winner: Address,
    passOwner: Address.nullable().meta({
      description:
        "Who owns the pass, or owned it last, as far as is known; null before it is minted",
    }),
    state: State,
    startsAt: Time,
    endsAt: Time,
    latestEndsAt: Time.meta({ description: "How far the host can extend it" }),
    opensAt: Time.meta({ description: "From when on access is given" }),
    openedAt: Time.nullable(),
    closedAt: Time.nullable(),
    closedBy: Address.nullable().meta({
      description: "The host who closed it before its end; null when it ended by itself",
    }),
    outcome: Outcome,
    version: z.int(),
    serverTime: Time,
  })
  .meta({ id: "Meeting" });

export const MeetingPage = page(Meeting, "MeetingPage");

const Claim = z
  .strictObject({
    v: z.literal(1),
    domain: z.string().max(253),
    chainId: z.int(),
    contract: Address,
    tokenId: AuctionId,
    meetingId: z.uuid(),
    user: Address,
    nonce: z.string().max(128),
    expiresAtS: z.int(),
  })
  .meta({ id: "AccessClaim" });

export const Challenge = z
  .strictObject({
    challenge: z.string().max(128).meta({ description: "The one-time name of this challenge" }),
    message: z
      .string()
      .max(4_000)
      .meta({ description: "The text to sign (EIP-191, `personal_sign`)" }),
    claim: Claim.meta({
      description: "What the Lit Action is to sign, for a client that runs it itself",
    }),
    wallet: Address.meta({ description: "The wallet that must sign" }),
    role: Role,
    expiresAt: Time,
  })
  .meta({ id: "AccessChallenge" });

const Nonce = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,128}$/, "must be a challenge this API gave")
  .meta({ maxLength: 128 });
const Hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^(0x)?[0-9a-fA-F]{${bytes * 2}}$`), `must be ${bytes} bytes in hexadecimal`)
    .meta({ maxLength: bytes * 2 + 2 });

/** Written out, not taken from the Lit client: this is what callers may send, and it stays when the client changes. */
const LitProofInput = z
  .strictObject({
    signature: Hex(65),
    publicKey: Hex(65),
    dataSigned: Hex(32),
    r: Hex(32).optional(),
    s: Hex(32).optional(),
    recid: z.int().min(0).max(3).optional(),
  })
  .meta({
    id: "LitProof",
    description:
      "As Lit gives it: `signatures.access` of the SDK, or Chipotle's answer. r, s and recid may be there and say nothing new",
  });

export const AccessBody = z
  .union([
    z.strictObject({ challenge: Nonce, signature: SignatureInput }),
    z.strictObject({ challenge: Nonce, litProof: LitProofInput }),
  ])
  .meta({
    id: "AccessRequest",
    description:
      "With the wallet's signature the backend runs the Lit Action; a client that ran it sends the proof",
  });

export type AccessCommand = z.output<typeof AccessBody>;

export const Access = z
  .strictObject({
    roomUrl: z.string().max(8_000).meta({ description: "As secret as the token in it" }),
    token: z.string().max(4_000),
    expiresAt: Time,
    role: Role,
  })
  .meta({ id: "Access" });

export const ExtendBody = z
  .strictObject({ minutes: z.int().min(1).max(1_440) })
  .meta({ id: "ExtendMeeting" });

export const CommandAnswer = z
  .strictObject({
    meetingId: z.uuid(),
    phase: State,
    endsAt: Time,
    outcome: Outcome,
    settled: z.boolean(),
  })
  .meta({ id: "MeetingState" });

export const CommandAccepted = z
  .strictObject({ meetingId: z.uuid(), status: z.literal("accepted") })
  .meta({ id: "MeetingCommandAccepted" });

export const OUTCOME_NAMES = [null, "held", "host_absent", "winner_absent", "released"] as const;

export function meetingView(
  row: MeetingRow,
  role: MeetingRole,
  opensAt: Date,
): z.input<typeof Meeting> {
  return {
    id: row.id,
    auctionId: row.auctionId,
    title: row.title,
    role,
    host: checksummed(row.host),
    winner: checksummed(row.winner),
    passOwner: row.isMinted ? checksummed(row.passOwner) : null,
    state: row.state,
    startsAt: row.startsAt.toISOString(),
    endsAt: row.endsAt.toISOString(),
    latestEndsAt: row.latestEndsAt.toISOString(),
    opensAt: opensAt.toISOString(),
    openedAt: timeOrNull(row.openedAt),
    closedAt: timeOrNull(row.closedAt),
    closedBy: row.closedBy === null ? null : checksummed(row.closedBy),
    outcome: OUTCOME_NAMES[row.outcome ?? 0] ?? null,
    version: row.version,
    serverTime: new Date().toISOString(),
  };
}
